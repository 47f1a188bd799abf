import { errorMessage } from '../runtime/base/error-message';
import type { RaftLogger } from '../runtime/base/logger';
import type { RaftClientStatus } from './raft-client-status';

/** Those who want to hear of changes of a client's phase, leader, term and connections. */
export class ClientStatusPublisher {
  private readonly listeners = new Set<(status: RaftClientStatus) => void>();
  private last = '';

  constructor(
    private readonly logger: RaftLogger,
    private readonly status: () => RaftClientStatus,
  ) {}

  subscribe(listener: (status: RaftClientStatus) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells everybody, where something has changed. A listener that throws is its own problem. */
  changed(): void {
    const status = this.status();
    const { phase, term, leader, clusterId, nodes } = status;
    const now = JSON.stringify([phase, term, leader, clusterId, nodes]);
    if (now === this.last) return;
    this.last = now;
    for (const listener of [...this.listeners])
      try {
        listener(status);
      } catch (error) {
        this.logger.error(`A status listener threw: ${errorMessage(error)}`);
      }
  }
}
