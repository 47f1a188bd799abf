import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { RecordingNode } from '../../testing/transport-conformance/recording-node';
import { decodeFrame, encodeFrame, FrameReader, type Frame } from '../codec';
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

/** A peer in the test's own hands: it sends what bytes it likes, and sees every frame that comes. */
class RawPeer {
  readonly frames: Frame[] = [];
  readonly socket: Socket;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader(1 << 24, (source, from, to) => this.frames.push(decodeFrame(source, from, to)));
    socket.on('data', (chunk) => reader.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
    stops.push(() => socket.destroy());
  }

  static async dial(address: string): Promise<RawPeer> {
    const [host, port] = address.split(':');
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawPeer(socket);
  }

  saw(kind: Frame['kind']): boolean {
    return this.frames.some((frame) => frame.kind === kind);
  }

  async introduced(): Promise<this> {
    this.socket.write(Buffer.concat([helloFrame(), encodeFrame({ kind: 'admitted' })]));
    await until(() => this.saw('admitted'), 'the raw peer is admitted');
    return this;
  }
}

function helloFrame(changes: Partial<Hello> = {}): Buffer {
  const hello: Hello = {
    protocol: { min: 1, max: 1 },
    clusterName: 'conformance',
    clusterId: '',
    nodeName: 'raw',
    replicaId: 0,
    incarnation: 'i',
    bootNonce: 'b',
    life: 1,
    earlierLives: [],
    knownLives: [],
    advertise: '127.0.0.1:1',
    ...changes,
  };
  return encodeFrame({ kind: 'hello', hello, challenge: new Uint8Array() });
}

function call(id: number, size = 1): RequestMessage {
  return { kind: 'request', groupId: 'g', id, method: 'm', timeoutMs: 1, body: new Uint8Array(size).fill(id) };
}

/** Listens and accepts, and leaves everything else to the test. */
async function listenRaw(onSocket: (peer: RawPeer) => void): Promise<string> {
  const server = createServer((socket) => onSocket(new RawPeer(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('the TCP transport on the wire', () => {
  it('reads frames that come byte by byte', async () => {
    const node = await startNode('n1');
    const peer = await RawPeer.dial(node.address);
    for (const byte of Buffer.concat([helloFrame(), encodeFrame({ kind: 'admitted' }), encodeFrame(call(5, 40))])) {
      peer.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    await until(() => node.received.length === 1, 'the request arrives');
    expect(node.received[0]!.message).toEqual(call(5, 40));
  });

  it('reads a burst of a thousand frames that come at once, hello included', async () => {
    const node = await startNode('n1');
    const peer = await RawPeer.dial(node.address);
    const calls = Array.from({ length: 1000 }, (_, id) => encodeFrame(call(id)));
    peer.socket.write(Buffer.concat([helloFrame(), ...calls]));
    await until(() => node.received.length === 1000, 'the burst arrives');
    expect(node.requestIds()).toEqual(Array.from({ length: 1000 }, (_, id) => id));
  });

  it('says hello first, and lets nothing through before it has one', async () => {
    const node = await startNode('n1');
    const peer = await RawPeer.dial(node.address);
    peer.socket.write(encodeFrame(call(1)));
    await until(() => peer.closed, 'the connection is closed');
    expect(peer.frames[0]).toMatchObject({ kind: 'hello', hello: { nodeName: 'n1' } });
    expect(node.received).toEqual([]);
    expect(lines.join()).toContain("a request came from a peer that isn't admitted");
  });

  it('closes on a frame that is larger than the limit, before it has come', async () => {
    const node = await startNode('n1', { maxFrameBytes: 100_000 });
    const peer = await (await RawPeer.dial(node.address)).introduced();
    peer.socket.write(encodeFrame(call(1, 200_000)).subarray(0, 100));
    await until(() => peer.closed, 'the connection is closed');
    expect(node.received).toEqual([]);
    expect(lines.join()).toContain('larger than the limit, 100000');
  });

  it('gives a stranger no more than a hello needs', async () => {
    const node = await startNode('n1');
    const peer = await RawPeer.dial(node.address);
    peer.socket.write(Buffer.from([0x00, 0x02, 0x00, 0x00, 1, 64]));
    await until(() => peer.closed, 'the connection is closed');
    expect(lines.join()).toContain('larger than the limit, 65536');
  });

  it('closes on a damaged frame, says so, and delivers neither it nor what follows', async () => {
    const node = await startNode('n1');
    const peer = await (await RawPeer.dial(node.address)).introduced();
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
    const peer = await RawPeer.dial(node.address);
    peer.socket.write('GET / HTTP/1.1\r\nHost: n1\r\n\r\n');
    await until(() => peer.closed, 'the connection is closed');
    expect(lines.join()).toContain("or the peer doesn't speak this protocol");
  });

  it('refuses a peer that speaks no version of the protocol that this node speaks', async () => {
    const node = await startNode('n1');
    const peer = await RawPeer.dial(node.address);
    peer.socket.write(helloFrame({ protocol: { min: 7, max: 9 } }));
    await until(() => peer.saw('refuse'), 'it is told');
    expect(peer.frames.at(-1)).toMatchObject({
      sentence: 'you speak versions 7 to 9 of the peer protocol, this node 1 to 1: upgrade one version at a time',
    });
    await until(() => peer.closed, 'the connection is closed');
    expect(node.asked).toEqual([]);
  });

  it('closes an accepted connection that never says hello', async () => {
    const node = await startNode('n1', { helloTimeoutMs: 50 });
    const peer = await RawPeer.dial(node.address);
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
    expect(node.changes.at(-1)!.detail).toBe("the hello wasn't answered within 100 ms");
  });

  it('drops bulk, then everything, for a peer that stops reading; its memory stays bounded', async () => {
    const address = await listenRaw((peer) => {
      void peer.introduced().then(() => peer.socket.pause());
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
    const address = await listenRaw((peer) => void peer.introduced());
    const node = await startNode('n1');
    node.transport.connect(address);
    await until(() => node.stateOf(address) === 'connected', 'connected');
    await until(() => node.stateOf(address) === 'closed', 'the silence is noticed');
    expect(node.changes.at(-1)!.detail).toBe('the peer left 4 pings unanswered');
  });

  it('answers pings', async () => {
    const node = await startNode('n1');
    const peer = await (await RawPeer.dial(node.address)).introduced();
    peer.socket.write(encodeFrame({ kind: 'ping' }));
    await until(() => peer.saw('pong'), 'the pong comes');
  });

  it('closes connections above `maxConnections`', async () => {
    const node = await startNode('n1', { maxConnections: 1 });
    await (await RawPeer.dial(node.address)).introduced();
    const second = await RawPeer.dial(node.address);
    await until(() => second.closed, 'the second is closed');
    expect(lines.join()).toContain('`peers.maxConnections` (1)');
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
      else void peer.introduced();
    });
    node.transport.connect(address);
    await until(() => node.stateOf(address) === 'refused', 'the first attempt is refused');
    const arrived = performance.now();
    const peer = await RawPeer.dial(node.address);
    peer.socket.write(Buffer.concat([helloFrame({ advertise: address }), encodeFrame({ kind: 'admitted' })]));
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
    await expect(tcpTransport({ listen, logger }).start(host)).rejects.toMatchObject({
      code: 'RAFT_CONFIGURATION',
      message: expect.stringContaining(sentence) as string,
    });
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
