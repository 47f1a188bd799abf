import { tcpClientTransport, type TcpClientTransportOptions } from '../transport/tcp';
import { NodeLinks } from './node-links';
import { raftClientOptions } from './raft-client-options';

const secret = 'the secret of the clients';
const quiet = { debug: () => undefined, log: () => undefined, warn: () => undefined, error: () => undefined };

describe('a client of nodes on other machines', () => {
  const of = (peers: readonly string[], options: TcpClientTransportOptions) => () =>
    raftClientOptions({ peers, transport: tcpClientTransport({ logger: quiet, ...options }) });

  it('is refused where nothing tells nodes from others there', () => {
    expect(of(['127.0.0.1:7001', 'n2:7001'], {})).toThrow(
      /^RaftClient: the option peers\[1\] is "n2:7001": this isn't certainly this machine.*Set secret.*insecure: true/,
    );
    expect(of(['n1:7001'], { tls: { rejectUnauthorized: false } })).toThrow(/peers\[0\]/);
  });

  it('is made with a secret, with TLS, and where that is said explicitly', () => {
    for (const options of [{ secret }, { tls: {} }, { insecure: true }])
      expect(of(['n1:7001', '10.0.0.2:7001'], options)).not.toThrow();
    expect(of(['127.0.0.1:7001', '[::1]:7001', 'localhost:7001'], {})).not.toThrow();
    expect(of(['n1:7001'], { secret, insecure: true })).toThrow(/`insecure` is true beside a secret or TLS/);
  });

  it('dials no leader elsewhere of whom a node on this machine told it', () => {
    const dialled: string[] = [];
    const linksOver = (protection: 'none' | 'secret'): NodeLinks => {
      const transport = {
        protection,
        start: () => undefined,
        connect: (address: string) => void dialled.push(address),
        disconnect: () => undefined,
        send: () => true,
        stop: () => Promise.resolve(),
      };
      return new NodeLinks(transport, ['127.0.0.1:7001'], 1, () => 0);
    };
    const word = { leader: { id: 2, name: 'n2', peer: '10.0.0.2:7001', http: '' }, term: 1 } as never;
    for (const protection of ['none', 'secret'] as const) {
      const links = linksOver(protection);
      links.connect();
      links.statusReceived('127.0.0.1:7001', word);
    }
    expect(dialled).toEqual(['127.0.0.1:7001', '127.0.0.1:7001', '10.0.0.2:7001']);
  });
});
