import type { RaftTransport } from '../../transport/contract';

/** The transport of a cluster of one: it opens no port, and there is nobody to reach. */
export class NoPeersTransport implements RaftTransport {
  readonly protection = 'private';

  start(): Promise<string> {
    return Promise.resolve('localhost:1');
  }

  connect(): void {
    // Nobody is there: the only member is this node.
  }

  disconnect(): void {
    // Nothing was connected.
  }

  send(): boolean {
    return false;
  }

  backlogBytes(): number {
    return 0;
  }

  announce(): void {
    // Nobody listens.
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
