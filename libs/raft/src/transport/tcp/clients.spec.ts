import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { greeting } from '../../testing/transport-conformance/raw-peer';
import { RecordingNode } from '../../testing/transport-conformance/recording-node';
import { decodeFrame, encodeFrame, FrameReader, type Frame } from '../codec';
import type {
  ClientChannel,
  ClientHost,
  ClientTransportHost,
  Hello,
  RequestMessage,
  ResponseMessage,
} from '../contract';
import { CLIENT_PROTOCOL_VERSIONS, PROTOCOL_VERSIONS } from '../contract';
import { tcpClientTransport, tcpTransport, type TcpTransportOptions } from './index';

const SECRET = 'the secret of the nodes';
const CLIENT_SECRET = 'the secret of the clients';
const logger = { debug: () => {}, log: () => {}, warn: () => {}, error: () => {} };
const stops: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Serves clients by saying everything back. */
class Echo implements ClientHost {
  readonly channels: ClientChannel[] = [];
  readonly asked: Hello[] = [];
  ends = 0;

  admit(client: Hello): undefined {
    this.asked.push(client);
  }

  receive({ groupId, id, body }: RequestMessage, channel: ClientChannel): void {
    this.channels.push(channel);
    channel.send({ kind: 'response', groupId, id, ok: true, body });
  }

  ended(): void {
    this.ends++;
  }
}

async function startNode(options: Partial<TcpTransportOptions> = {}) {
  const transport = tcpTransport({
    listen: '127.0.0.1:0',
    logger,
    secret: SECRET,
    clients: { secret: CLIENT_SECRET },
    ...options,
  });
  const node = Object.assign(new RecordingNode('n1', transport), { clients: new Echo() });
  await node.start();
  stops.push(() => transport.stop());
  return node;
}

function helloOf(role?: 'client'): Hello {
  return {
    protocol: role === 'client' ? CLIENT_PROTOCOL_VERSIONS : PROTOCOL_VERSIONS,
    clusterName: 'conformance',
    clusterId: '',
    nodeName: 'api',
    replicaId: 0,
    incarnation: 'i',
    bootNonce: 'b',
    epoch: 1,
    earlierBoots: [],
    knownBoots: [],
    advertise: '',
    ...(role && { role }),
  };
}

function startClient(address: string, secret?: string) {
  const responses: ResponseMessage[] = [];
  const states: string[] = [];
  const host: ClientTransportHost = {
    hello: () => helloOf('client'),
    admit: () => undefined,
    connected: () => states.push('connected'),
    disconnected: (_address, detail, turnedAway) => states.push(`${turnedAway ? 'turned away' : 'lost'}: ${detail}`),
    receive: (response) => responses.push(response),
  };
  const transport = tcpClientTransport({ logger, ...(secret !== undefined && { secret }) });
  stops.push(() => transport.stop());
  transport.start(host);
  transport.connect(address);
  return { transport, responses, states };
}

const request: RequestMessage = {
  kind: 'request',
  groupId: 'default',
  id: 4,
  method: 'query',
  timeoutMs: 100,
  body: Uint8Array.of(1, 2),
};

/** Comes without a secret to a node that asks clients for none but a name, so that what it sends then is in the test's hands. */
async function rawClient(address: string): Promise<{ socket: Socket; frames: Frame[] }> {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  const frames: Frame[] = [];
  const reader = new FrameReader(1 << 24, (source, from, to) => frames.push(decodeFrame(source, from, to)));
  socket.on('data', (chunk) => reader.push(chunk));
  socket.on('error', () => undefined);
  stops.push(() => socket.destroy());
  await once(socket, 'connect');
  return { socket, frames };
}

describe('clients over TCP', () => {
  it('call over the connection that they dialled and are answered over the same, with a secret that is not the peers’', async () => {
    const node = await startNode();
    const { transport, responses, states } = startClient(node.address, CLIENT_SECRET);
    await until(() => states.includes('connected'));
    expect(transport.send(node.address, request)).toBe(true);
    await until(() => responses.length === 1);

    expect(responses[0]).toMatchObject({ id: 4, ok: true, body: Uint8Array.of(1, 2) });
    expect(node.clients.asked[0]).toMatchObject({ nodeName: 'api', role: 'client' });
    expect(node.asked).toEqual([]);
    expect(node.received).toEqual([]);
    await transport.stop();
    await until(() => node.clients.ends === 1);
  });

  it.each([
    ['no secret', {}, undefined, 'asks its clients for a secret'],
    ['another secret', {}, 'another secret, as long as it', '`peers.clients.secret`'],
    ['the secret of the peers', {}, SECRET, '`peers.clients.secret`'],
    ['nodes that serve none', { clients: undefined }, CLIENT_SECRET, 'serves no clients'],
  ])('are turned away with a sentence: %s', async (_what, options, secret, sentence) => {
    const node = await startNode(options);
    const { states } = startClient(node.address, secret);
    await until(() => states.length > 0);

    expect(states[0]).toMatch(/^turned away: /);
    expect(states[0]).toContain(sentence);
    expect(node.clients.asked).toEqual([]);
  });

  it('are turned away above so many', async () => {
    const node = await startNode({ clients: { secret: CLIENT_SECRET, maxConnections: 1 } });
    const first = startClient(node.address, CLIENT_SECRET);
    await until(() => first.states.includes('connected'));
    const second = startClient(node.address, CLIENT_SECRET);
    await until(() => second.states.length > 0);
    expect(second.states[0]).toContain('maxConnections');
  });

  it('does not let a peer in that knows the secret of the clients alone', async () => {
    const node = await startNode();
    const peer = new RecordingNode('n2', tcpTransport({ listen: '127.0.0.1:0', logger, secret: CLIENT_SECRET }));
    await peer.start();
    stops.push(() => peer.transport.stop());
    peer.transport.connect(node.address);
    await until(() => peer.stateOf(node.address) === 'refused');
    expect(node.asked).toEqual([]);
  });

  it('are refused with the sentence about versions by a node that knows no clients', async () => {
    const node = await startNode({ secret: undefined, clients: undefined });
    const { socket, frames } = await rawClient(node.address);
    // Without the role, as such a node reads a client's greeting.
    socket.write(encodeFrame(greeting({ protocol: CLIENT_PROTOCOL_VERSIONS })));
    await until(() => frames.some(({ kind }) => kind === 'refuse'));
    expect(frames.find((frame) => frame.kind === 'refuse')).toMatchObject({
      sentence: expect.stringContaining('you speak versions 4 to 4') as string,
    });
  });

  it.each([
    ['both', { secret: SECRET, clients: { secret: SECRET } }, 'that peers and clients share'],
    ['no peers’ secret', { clients: { secret: CLIENT_SECRET } }, '`peers.secret` is not'],
    ['no proof', { secret: SECRET, clients: {} }, 'neither `secret` nor `names`'],
    ['names without certificates', { secret: SECRET, clients: { names: ['api'] } }, '`peers.tls.ca`'],
    ['a short one', { secret: SECRET, clients: { secret: 'short' } }, '`peers.clients.secret` has 5 characters'],
  ])(
    'can not be let in by options that would let them in as peers, or anybody as one: %s',
    (_what, options, sentence) => {
      expect(() => tcpTransport({ listen: '127.0.0.1:0', logger, ...options })).toThrow(sentence);
    },
  );

  it('stay clients: a vote, a founder’s word and a hello as a node cut the connection', async () => {
    const vote = {
      clusterId: 'c',
      groupId: 'default',
      incarnation: 'i',
      from: 2,
      to: 1,
      term: 9,
      sequence: 1,
    } as const;
    const frames: readonly Frame[] = [
      { kind: 'requestVoteReply', ...vote, granted: true, commit: { term: 0, index: 0 } },
      { kind: 'founder', groupId: 'default', founder: 'api', incarnation: 'i', initialCluster: null },
      { kind: 'response', groupId: 'default', id: 1, ok: true, body: new Uint8Array() },
      { kind: 'hello', hello: helloOf(), seal: new Uint8Array() },
    ];
    for (const frame of frames) {
      const node = await startNode();
      const { transport, states } = startClient(node.address, CLIENT_SECRET);
      await until(() => states.includes('connected'));
      // Past the types: what a client with ill intent would send.
      const link = (
        transport as unknown as { links: Map<string, { connection: { socket: { sendMessage(bytes: Buffer): void } } }> }
      ).links;
      link.get(node.address)!.connection.socket.sendMessage(encodeFrame(frame));
      await until(() => states.length > 1);
      expect(states[1]).toMatch(/^(lost|turned away): /);
      expect(node.received).toEqual([]);
      expect(node.asked).toEqual([]);
    }
  });
});
