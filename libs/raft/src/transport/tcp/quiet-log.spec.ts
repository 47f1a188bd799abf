import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { RecordingNode } from '../../testing/transport-conformance/recording-node';
import { tcpTransport } from './index';

describe('the log of the TCP transport', () => {
  it('doesn’t repeat for each attempt that a peer is away', async () => {
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    const server = createServer();
    const enough = new Promise<void>((resolve) => {
      let attempts = 0;
      server.on('connection', (socket) => {
        socket.destroy();
        if (++attempts === 6) resolve();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const away = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const transport = tcpTransport({ listen: '127.0.0.1:0', logger: { debug: log, log, warn: log, error: log } });
    await new RecordingNode('n1', transport).start();
    transport.connect(away);
    await enough;
    await transport.stop();
    server.close();

    expect(lines.filter((line) => line.includes(away)).length).toBeLessThanOrEqual(2);
  });
});
