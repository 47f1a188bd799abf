import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { bareHello, greeting, RawPeer } from '../../testing/transport-conformance/raw-peer';
import { RecordingNode } from '../../testing/transport-conformance/recording-node';
import { encodeFrame, type Frame } from '../codec';
import type { Hello, RequestMessage } from '../contract';
import { tcpTransport, type TcpTransportOptions } from './index';

const lines: string[] = [];
const logger = {
  debug: () => {},
  log: () => {},
  warn: (line: string) => lines.push(line),
  error: (line: string) => lines.push(line),
};

const stops: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
  lines.length = 0;
});

async function startNode(name: string, options: Partial<TcpTransportOptions> = {}): Promise<RecordingNode> {
  const transport = tcpTransport({ listen: '127.0.0.1:0', logger, ...options });
  const node = new RecordingNode(name, transport);
  await node.start();
  stops.push(() => transport.stop());
  return node;
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 8000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within 8 s: ${what}; log: ${lines.join(' | ')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function dial(address: string): Promise<RawPeer> {
  const peer = await RawPeer.dial(address);
  stops.push(() => peer.socket.destroy());
  return peer;
}

/** The frames of one that dials, up to where messages may follow. */
function introduction(changes: Partial<Hello> = {}): readonly Frame[] {
  return [greeting(), bareHello(changes), { kind: 'admitted' }];
}

function bytesOf(...frames: readonly Frame[]): Buffer {
  return Buffer.concat(frames.map((frame) => encodeFrame(frame)));
}

async function introduced(address: string): Promise<RawPeer> {
  const peer = await dial(address);
  peer.send(...introduction());
  await until(() => peer.saw('admitted'), 'the raw peer is admitted');
  return peer;
}

function call(id: number, size = 1): RequestMessage {
  return { kind: 'request', groupId: 'g', id, method: 'm', timeoutMs: 1, body: new Uint8Array(size).fill(id) };
}

/** Listens and accepts, and leaves everything else to the test. */
async function listenRaw(onSocket: (peer: RawPeer) => void): Promise<string> {
  const server = createServer((socket) => {
    stops.push(() => socket.destroy());
    onSocket(new RawPeer(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** As a build of the first version wrote it. */
const VERSION_1_HELLO =
  '00000061014074722dc900010001000473686f700002633100026e31000000000000000100026131000262320000000000000003000100000000000000020002623100010000000000000004000000000000000900026439000768313a3730303103070809';

describe('the TCP transport on the wire', () => {
  it('reads frames that come byte by byte', async () => {
    const node = await startNode('n1');
    const peer = await dial(node.address);
    for (const byte of bytesOf(...introduction(), call(5, 40))) {
      peer.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    await until(() => node.received.length === 1, 'the request arrives');
    expect(node.received[0]!.message).toEqual(call(5, 40));
  });

  it('reads a burst of a thousand frames that come at once, handshake included', async () => {
    const node = await startNode('n1');
    const peer = await dial(node.address);
    const calls = Array.from({ length: 1000 }, (_, id) => call(id));
    peer.send(...introduction(), ...calls);
    await until(() => node.received.length === 1000, 'the burst arrives');
    expect(node.requestIds()).toEqual(Array.from({ length: 1000 }, (_, id) => id));
  });

  it('says nothing at all to one who says nothing, and lets nothing through before both have admitted each other', async () => {
    const node = await startNode('n1');
    const peer = await dial(node.address);
    peer.send(call(1));
    await until(() => peer.closed, 'the connection is closed');
    expect(peer.bytes).toEqual([]);
    expect(lines.join()).toContain("a request came from a peer that isn't admitted");

    const hasty = await dial(node.address);
    hasty.send(greeting(), bareHello(), call(1));
    await until(() => hasty.closed, 'the connection is closed');
    expect(node.received).toEqual([]);
  });

  it('greets with nothing that says who is there, and says hello after the peer', async () => {
    const node = await startNode('n1');
    const peer = await dial(node.address);
    peer.send(greeting());
    await until(() => peer.saw('greeting'), 'it greets');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(peer.frames.map(({ kind }) => kind)).toEqual(['greeting']);
    expect(Buffer.concat(peer.bytes).includes('n1')).toBe(false);
    peer.send(bareHello());
    await until(() => peer.saw('admitted'), 'it is admitted');
    expect(peer.frames.map(({ kind }) => kind)).toEqual(['greeting', 'hello', 'admitted']);
  });

  it.each<[string, readonly Frame[]]>([
    ['a hello before the greeting', [bareHello()]],
    ['two greetings', [greeting(), greeting()]],
    ['a proof where none is asked for', [greeting(), { kind: 'proof', proof: new Uint8Array(32) }]],
    ['an admission before the greeting', [{ kind: 'admitted' }]],
    ['a challenge of one byte', [greeting({ challenge: Uint8Array.of(1) })]],
    ['a ping before the handshake is over', [greeting(), bareHello(), { kind: 'ping' }]],
  ])('ends a handshake that has %s', async (_what, frames) => {
    const node = await startNode('n1');
    const peer = await dial(node.address);
    peer.send(...frames);
    await until(() => peer.closed, 'the connection is closed');
    expect(lines.join()).toContain('closed the connection to');
    expect(node.received).toEqual([]);
  });

  it('takes no message over a connection that it dialled: peers send over their own', async () => {
    let dialler: RawPeer | undefined;
    const address = await listenRaw((peer) => {
      dialler = peer;
      peer.send(greeting(), bareHello(), { kind: 'admitted' });
    });
    const node = await startNode('n1');
    node.transport.connect(address);
    await until(() => node.stateOf(address) === 'connected', 'connected');
    dialler!.send(call(1));
    await until(() => node.stateOf(address) === 'closed', 'the connection is closed');
    expect(node.received).toEqual([]);
    expect(lines.join()).toContain('a request came over a connection that this node dialled');
  });

  it('closes on a frame that is larger than the limit, before it has come', async () => {
    const node = await startNode('n1', { maxFrameBytes: 100_000 });
    const peer = await introduced(node.address);
    peer.socket.write(encodeFrame(call(1, 200_000)).subarray(0, 100));
    await until(() => peer.closed, 'the connection is closed');
    expect(node.received).toEqual([]);
    expect(lines.join()).toContain('larger than the limit, 100000');
  });

  it('gives a stranger no more than a hello needs', async () => {
    const node = await startNode('n1');
    const peer = await dial(node.address);
    peer.socket.write(Buffer.from([0x00, 0x02, 0x00, 0x00, 1, 64]));
    await until(() => peer.closed, 'the connection is closed');
    expect(lines.join()).toContain('larger than the limit, 65536');
  });

  it('closes on a damaged frame, says so, and delivers neither it nor what follows', async () => {
    const node = await startNode('n1');
    const peer = await introduced(node.address);
    const damaged = encodeFrame(call(2, 100));
    damaged[60]! ^= 0x10;
    peer.socket.write(Buffer.concat([encodeFrame(call(1)), damaged, encodeFrame(call(3))]));
    await until(() => peer.closed, 'the connection is closed');
    expect(node.requestIds()).toEqual([1]);
    expect(lines.join()).toContain(
      "closed the connection to raw (127.0.0.1): a frame (request) is damaged: its checksum doesn't match",
    );
  });

  it('tells what is no peer at all, such as a browser, by its first bytes', async () => {
    const node = await startNode('n1');
    const peer = await dial(node.address);
    peer.socket.write('GET / HTTP/1.1\r\nHost: n1\r\n\r\n');
    await until(() => peer.closed, 'the connection is closed');
    expect(lines.join()).toContain("or the peer doesn't speak this protocol");
  });

  it('refuses a peer that speaks no version of the protocol that this node speaks', async () => {
    const node = await startNode('n1');
    const peer = await dial(node.address);
    peer.send(greeting({ protocol: { min: 7, max: 9 } }));
    await until(() => peer.saw('refuse'), 'it is told');
    expect(peer.frames.at(-1)).toMatchObject({
      sentence:
        'you speak versions 7 to 9 of the peer protocol, this node 3 to 3: bring all nodes and clients to one version of the package',
    });
    await until(() => peer.closed, 'the connection is closed');
    expect(node.asked).toEqual([]);
  });

  it('refuses a node of the first version with a sentence that such a node can read, and tells it nothing else', async () => {
    const node = await startNode('n1');
    const peer = await dial(node.address);
    peer.socket.write(Buffer.from(VERSION_1_HELLO, 'hex'));
    await until(() => peer.closed, 'it is refused');
    // Version byte, kind and body of a refusal are what that version knows.
    expect(peer.frames).toEqual([
      { kind: 'refuse', sentence: expect.stringContaining('you speak versions 1 to 1') as string },
    ]);
    expect(node.asked).toEqual([]);
  });

  it('closes an accepted connection that never says hello', async () => {
    const node = await startNode('n1', { helloTimeoutMs: 50 });
    const peer = await dial(node.address);
    await until(() => peer.closed, 'the mute connection is closed');
  });

  it('reports a peer that accepts and stays mute, and serves the others meanwhile', async () => {
    const mute = await listenRaw(() => undefined);
    const node = await startNode('n1', { helloTimeoutMs: 100 });
    const other = await startNode('n2');
    node.transport.connect(mute);
    node.transport.connect(other.address);
    await until(() => node.stateOf(other.address) === 'connected', 'the other is connected');
    node.transport.send(other.address, call(1));
    await until(() => other.requestIds().includes(1), 'the other hears');
    await until(() => node.stateOf(mute) === 'closed', 'the mute peer is reported');
    expect(node.changes.at(-1)!.detail).toBe("the handshake wasn't completed within 100 ms");
  });

  it('drops bulk, then everything, for a peer that stops reading; its memory stays bounded', async () => {
    const address = await listenRaw((peer) => {
      peer.send(...introduction());
      setTimeout(() => peer.socket.pause(), 100);
    });
    const node = await startNode('n1');
    node.transport.connect(address);
    await until(() => node.stateOf(address) === 'connected', 'connected');
    // What the system's own buffers take is no backlog: more than they hold has to be sent.
    await until(() => {
      for (let id = 0; id < 100; id++) if (!node.transport.send(address, call(1, 100_000))) return true;
      return false;
    }, 'bulk is dropped');
    const full = node.transport.backlogBytes(address);
    expect(full).toBeLessThan(1.5 * 1024 * 1024);

    const heartbeat = {
      kind: 'heartbeat' as const,
      clusterId: 'c',
      groupId: 'g',
      from: 1,
      to: 2,
      incarnation: 'i',
      term: 1,
      sequence: 1,
      commit: 0,
      round: 0,
      sentAtMs: 0,
      leaderCommit: 0,
      echoMs: -1,
      quorumAgeMs: -1,
    };
    expect(node.transport.send(address, heartbeat)).toBe(true);
    await until(() => {
      for (let id = 0; id < 1000; id++) if (!node.transport.send(address, heartbeat)) return true;
      return false;
    }, 'heartbeats are dropped, too, at last');
    expect(node.transport.backlogBytes(address)).toBeLessThan(1.6 * 1024 * 1024);
  });

  it('hangs up on a peer that leaves its pings unanswered, as one behind a cut cable does', async () => {
    const address = await listenRaw((peer) => peer.send(...introduction()));
    const node = await startNode('n1');
    node.transport.connect(address);
    await until(() => node.stateOf(address) === 'connected', 'connected');
    await until(() => node.stateOf(address) === 'closed', 'the silence is noticed');
    expect(node.changes.at(-1)!.detail).toBe('the peer left 4 pings unanswered');
  });

  it('answers pings', async () => {
    const node = await startNode('n1');
    const peer = await introduced(node.address);
    peer.socket.write(encodeFrame({ kind: 'ping' }));
    await until(() => peer.saw('pong'), 'the pong comes');
  });

  it('refuses connections above `maxConnections`', async () => {
    const node = await startNode('n1', { maxConnections: 1 });
    await introduced(node.address);
    const second = await dial(node.address);
    second.send(...introduction());
    await until(() => second.closed, 'the second is closed');
    expect(second.refusal).toContain('1 connections are open here (`peers.maxConnections`)');
  });

  it('dials a peer at once that it waits to dial, when that peer dials it', async () => {
    const node = await startNode('n1');
    // The longest back-off after a refusal, which is a second: what comes sooner wasn't waited for.
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.999);
    stops.push(() => random.mockRestore());
    let dials = 0;
    const address = await listenRaw((peer) => {
      dials += 1;
      if (dials === 1) peer.socket.end(encodeFrame({ kind: 'refuse', sentence: 'not yet' }));
      else peer.send(...introduction());
    });
    node.transport.connect(address);
    await until(() => node.stateOf(address) === 'refused', 'the first attempt is refused');
    const arrived = performance.now();
    const peer = await dial(node.address);
    peer.send(...introduction({ advertise: address }));
    await until(() => node.stateOf(address) === 'connected', 'it dials again');
    expect(performance.now() - arrived).toBeLessThan(900);
  });
});

describe('the listener of the TCP transport', () => {
  const host = new RecordingNode('unused', tcpTransport({ listen: '127.0.0.1:0', logger }));

  it.each([
    ['localhost', "`peers.listen` is 'localhost', which isn't an address; write host:port"],
    ['0.0.0.0:99999', 'write host:port'],
    ['192.0.2.1:0', "`peers.listen` is '192.0.2.1:0': no interface of this machine has that address"],
    ['no-such-host.invalid:0', "that host name can't be resolved here"],
  ])('refuses %s with a sentence', async (listen, sentence) => {
    await expect(tcpTransport({ listen, insecure: true, logger }).start(host)).rejects.toMatchObject({
      code: 'RAFT_CONFIGURATION',
      message: expect.stringContaining(sentence) as string,
    });
  });

  it('is open to this machine alone where peers prove nothing', () => {
    for (const listen of ['0.0.0.0:7001', '[::]:7001', '10.0.0.1:7001', 'n1:7001'])
      expect(() => tcpTransport({ listen, logger })).toThrow(/which other machines may reach, and peers prove nothing/);
    for (const listen of ['127.0.0.1:0', '[::1]:0', 'localhost:7001'])
      expect(() => tcpTransport({ listen, logger })).not.toThrow();
    expect(() => tcpTransport({ listen: '0.0.0.0:0', secret: 'sixteen or more characters', logger })).not.toThrow();
  });

  it('says that a port is busy, and what to do', async () => {
    const node = await startNode('n1');
    await expect(tcpTransport({ listen: node.address, logger }).start(host)).rejects.toMatchObject({
      code: 'RAFT_CONFIGURATION',
      message: `\`peers.listen\` is '${node.address}': another process listens there already; stop it, or choose another port`,
    });
  });

  it('refuses options that cannot work, and never prints the secret', () => {
    expect(() => tcpTransport({ listen: '127.0.0.1:0', secret: 'hunter2' })).toThrow(
      '`peers.secret` has 7 characters, which can be guessed; give it 16 or more, the same on all nodes',
    );
    expect(() => tcpTransport({ listen: '127.0.0.1:0', maxFrameBytes: 10 })).toThrow('`peers.maxFrameBytes` is 10');
  });
});
