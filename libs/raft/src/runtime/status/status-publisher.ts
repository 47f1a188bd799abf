import { errorMessage } from '../base/error-message';
import type { RaftLogger } from '../base/logger';
import type { RaftPhase, RaftStatus } from './status';

/** The phase of a node, and those who want to hear of changes. */
export class StatusPublisher {
  private phaseNow: RaftPhase = 'created';
  private reasonNow = '';
  private readonly listeners = new Set<(status: RaftStatus) => void>();

  constructor(
    private readonly logger: RaftLogger,
    private readonly status: () => RaftStatus,
  ) {}

  get phase(): RaftPhase {
    return this.phaseNow;
  }

  get reason(): string {
    return this.reasonNow;
  }

  enter(phase: RaftPhase, reason = ''): void {
    this.phaseNow = phase;
    this.reasonNow = reason;
    this.changed();
  }

  subscribe(listener: (status: RaftStatus) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells everybody. A listener that throws is its own problem. */
  changed(): void {
    if (this.listeners.size === 0) return;
    const status = this.status();
    for (const listener of [...this.listeners])
      try {
        listener(status);
      } catch (error) {
        this.logger.error(`A status listener threw: ${errorMessage(error)}`);
      }
  }
}
