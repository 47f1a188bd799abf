import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { decodeFrame, encodeFrame, FrameReader, type Frame, type GreetingFrame } from '../../transport/codec';
import { PROTOCOL_VERSIONS, type Hello } from '../../transport/contract';

const OWN_CHALLENGE = new Uint8Array(32).fill(7);

/** The other end of a connection to a TCP transport, in a test's own hands: it sends what bytes it likes, and sees all that comes. */
export class RawPeer {
  readonly frames: Frame[] = [];
  /** Every byte that came. */
  readonly bytes: Buffer[] = [];
  readonly socket: Socket;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader(1 << 24, (source, from, to) => this.frames.push(decodeFrame(source, from, to)));
    socket.on('data', (chunk) => {
      this.bytes.push(chunk);
      reader.push(chunk);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
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

  /** The sentence with which this end was turned away; undefined for none. */
  get refusal(): string | undefined {
    return this.frames.find((frame) => frame.kind === 'refuse')?.sentence;
  }

  send(...frames: readonly Frame[]): void {
    this.socket.write(Buffer.concat(frames.map((frame) => encodeFrame(frame))));
  }
}

export function greeting(changes: Partial<GreetingFrame> = {}): GreetingFrame {
  return {
    kind: 'greeting',
    protocol: PROTOCOL_VERSIONS,
    role: 'peer',
    challenge: OWN_CHALLENGE,
    asksForProof: false,
    ...changes,
  };
}

/** A hello on a connection without a secret. */
export function bareHello(changes: Partial<Hello> = {}): Frame {
  const hello: Hello = {
    protocol: PROTOCOL_VERSIONS,
    clusterName: 'conformance',
    clusterId: '',
    nodeName: 'raw',
    replicaId: 0,
    incarnation: 'i',
    bootNonce: 'b',
    epoch: 1,
    earlierBoots: [],
    knownBoots: [],
    advertise: '127.0.0.1:1',
    ...changes,
  };
  return { kind: 'hello', hello, seal: new Uint8Array() };
}
