import type { PendingRequest, RequestHolder } from './pending-request';
import type { RequestTable } from './request-table';
import { asRaftError } from '../base/error-codec';
import type { Scheduler } from '../base/scheduler';

export interface SharedBarrierPorts {
  readonly requests: RequestTable;
  readonly scheduler: Scheduler;
  /** Waits until everything is applied here that was acknowledged anywhere before the call. @returns up to which index */
  barrier(timeoutMs: number): Promise<number>;
  /** The local state has everything that the read must see. */
  confirmed(request: PendingRequest, index: number): void;
}

/**
 * Linearizable reads on a follower (thesis §6.4): it asks the leader for an index, waits until that is applied here, and answers
 * from its own state. One question is under way at a time, and reads that come meanwhile share the next: never one that was
 * asked before they came, as its answer may be older than a write that was acknowledged since.
 */
export class SharedBarrier implements RequestHolder {
  private next = new Set<PendingRequest>();
  private underWay = new Set<PendingRequest>();
  private isBusy = false;

  constructor(private readonly ports: SharedBarrierPorts) {}

  begin(request: PendingRequest): void {
    // Until the leader has answered, it has found none.
    request.park(this);
    this.next.add(request);
    if (this.isBusy) return;
    this.isBusy = true;
    this.ports.scheduler.defer(this.ask);
  }

  forget(request: PendingRequest): void {
    this.next.delete(request);
    this.underWay.delete(request);
  }

  private readonly ask = (): void => {
    if (this.next.size === 0) {
      this.isBusy = false;
      return;
    }
    const { scheduler } = this.ports;
    this.underWay = this.next;
    this.next = new Set();
    const lastMs = Math.max(...[...this.underWay].map(({ deadlineMs }) => deadlineMs));
    this.ports.barrier(Math.max(1, lastMs - scheduler.nowMs())).then(
      (index) => this.end((request) => this.ports.confirmed(request, index)),
      (error: unknown) => this.end((request) => this.ports.requests.fail(request, asRaftError(error))),
    );
  };

  private end(each: (request: PendingRequest) => void): void {
    const ended = this.underWay;
    this.underWay = new Set();
    for (const request of ended) {
      request.release();
      each(request);
    }
    this.ask();
  }
}
