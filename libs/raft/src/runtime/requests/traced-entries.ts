import type { PendingRequest } from './pending-request';

/** Calls in this leader's log whose way is traced: for the most part none, and then it costs a comparison. */
export class TracedEntries {
  private undurable: PendingRequest[] = [];
  private uncommitted: PendingRequest[] = [];

  add(request: PendingRequest): void {
    this.undurable.push(request);
    this.uncommitted.push(request);
  }

  /** Everything up to `index` is durable here. */
  durable(index: number): void {
    if (this.undurable.length > 0)
      this.undurable = passed(this.undurable, index, (request) => request.trace?.persisted());
  }

  /** Everything up to `index` is committed, and on its way to the state machine. */
  committed(index: number): void {
    if (this.uncommitted.length > 0)
      this.uncommitted = passed(this.uncommitted, index, (request) => request.trace?.committed());
  }
}

/** @returns those that still wait; a call that lost its place in the log doesn't */
function passed(
  waiting: readonly PendingRequest[],
  index: number,
  each: (request: PendingRequest) => void,
): PendingRequest[] {
  return waiting.filter((request) => {
    if (request.stage !== 'inLog') return false;
    if (request.index > index) return true;
    each(request);
    return false;
  });
}
