import { AssertionError } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerMessage, RaftTransport } from '../../transport/contract';
import { RecordingNode } from './recording-node';

/** The transports of one test: they reach each other by the addresses that `start` answers. @publicApi */
export interface TransportConformanceNetwork {
  /**
   * A transport that wasn't started.
   *
   * @param address where it is to listen again, after another that listened there has stopped; absent: anywhere
   */
  create(address?: string): RaftTransport;
}

/** What a check works with: nodes, and patience. */
export class TransportConformanceContext {
  private readonly network: TransportConformanceNetwork;
  private readonly patienceMs: number;
  private readonly nodes: RecordingNode[] = [];

  /** @param patienceMs how long something may take that has to happen */
  constructor(network: TransportConformanceNetwork, patienceMs: number) {
    this.network = network;
    this.patienceMs = patienceMs;
  }

  /** A node that isn't started. */
  create(name: string, address?: string): RecordingNode {
    const node = new RecordingNode(name, this.network.create(address));
    this.nodes.push(node);
    return node;
  }

  async start(name: string, address?: string): Promise<RecordingNode> {
    const node = this.create(name, address);
    await node.start();
    return node;
  }

  /** Two nodes, each connected to the other. */
  async pair(): Promise<[RecordingNode, RecordingNode]> {
    const left = await this.start('left');
    const right = await this.start('right');
    await this.connect(left, right);
    await this.connect(right, left);
    return [left, right];
  }

  async connect(from: RecordingNode, to: RecordingNode): Promise<void> {
    from.transport.connect(to.address);
    await this.until(
      () => from.stateOf(to.address) === 'connected',
      () => `${from.name} is connected to ${to.name}; what it heard: ${JSON.stringify(from.changes)}`,
    );
  }

  /** Sends again until it arrives: one message may be lost. */
  async deliver(from: RecordingNode, to: RecordingNode, message: PeerMessage): Promise<void> {
    const before = to.received.length;
    await this.until(
      () => {
        if (to.received.slice(before).some(({ message: { kind } }) => kind === message.kind)) return true;
        from.transport.send(to.address, message);
        return false;
      },
      () => `a ${message.kind} from ${from.name} reaches ${to.name}`,
    );
  }

  async until(holds: () => boolean, what: string | (() => string)): Promise<void> {
    const deadline = performance.now() + this.patienceMs;
    while (!holds()) {
      if (performance.now() > deadline)
        throw new AssertionError({
          message: `not within ${this.patienceMs} ms: ${typeof what === 'string' ? what : what()}`,
        });
      await sleep(5);
    }
  }

  /** Long enough for what must not happen to happen. */
  async settle(): Promise<void> {
    await sleep(Math.min(150, this.patienceMs));
  }

  async stopAll(): Promise<void> {
    await Promise.allSettled(this.nodes.map((node) => node.transport.stop()));
  }
}

export function request(id: number, body: Uint8Array = Uint8Array.of(id & 0xff)): PeerMessage {
  return { kind: 'request', groupId: 'default', id, method: 'conformance', timeoutMs: 1000, body };
}
