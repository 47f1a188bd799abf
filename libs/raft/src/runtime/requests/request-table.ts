import { RaftError } from '../../errors/raft-error';
import { DeadlineQueue } from './deadline-queue';
import type { PendingRequest, RequestResult } from './pending-request';
import type { Scheduler } from '../base/scheduler';

/** Every call that has no answer yet: none is ever dropped in silence, and each is answered once. */
export class RequestTable {
  private readonly deadlines: DeadlineQueue;
  private bytes = 0;
  private idle: (() => void) | undefined;

  constructor(private readonly scheduler: Scheduler) {
    this.deadlines = new DeadlineQueue(scheduler.nowMs());
  }

  /** Bytes of everything that waits. */
  get heldBytes(): number {
    return this.bytes;
  }

  get size(): number {
    return this.deadlines.size;
  }

  open(request: PendingRequest): void {
    request.open(this.scheduler.nowMs() + request.timeoutMs);
    this.deadlines.add(request);
    this.bytes += request.heldBytes;
  }

  succeed(request: PendingRequest, result: RequestResult): void {
    if (request.isSettled) return;
    this.close(request);
    request.settleWith(result);
    this.onIdle();
  }

  fail(request: PendingRequest, error: RaftError): void {
    if (request.isSettled) return;
    this.close(request);
    request.failWith(error);
    this.onIdle();
  }

  expire(nowMs: number): void {
    if (this.size > 0) this.deadlines.turn(nowMs, this.expireOne);
  }

  /** Answers everything that waits and that `errorFor` has an error for. */
  failEach(errorFor: (request: PendingRequest) => RaftError | undefined): void {
    this.deadlines.forEach((request) => {
      const error = errorFor(request);
      if (error !== undefined) this.fail(request, error);
    });
  }

  /** Calls `idle` once, when nothing waits. */
  whenIdle(idle: () => void): void {
    this.idle = idle;
    this.onIdle();
  }

  private close(request: PendingRequest): void {
    this.deadlines.remove(request);
    this.bytes -= request.heldBytes;
  }

  private onIdle(): void {
    if (this.idle === undefined || this.size > 0) return;
    const { idle } = this;
    this.idle = undefined;
    idle();
  }

  private readonly expireOne = (request: PendingRequest): void => {
    this.fail(request, deadlineError(request));
  };
}

/** What a deadline means depends on whether the command may be in a log by then. */
function deadlineError(request: PendingRequest): RaftError {
  const waited = `within ${Math.round(request.timeoutMs)} ms`;
  if (request.isIndeterminate)
    return new RaftError(
      'RAFT_TIMEOUT',
      `The command was not decided ${waited}. It may still be applied, now or later: read the state before you send it again.`,
    );
  if (request.stage === 'parked')
    return new RaftError(
      'RAFT_NO_LEADER',
      `No leader could be reached ${waited}, so nothing was applied. An election may be under way, or too few nodes are up: try again.`,
      { retryAfterMs: 1000 },
    );
  if (request.after > 0)
    return new RaftError(
      'RAFT_LAGGING',
      `Entry ${request.after} was not applied on this node ${waited}: its state is older than the caller’s own write. Try again, or ask another node.`,
      { retryAfterMs: 1000 },
    );
  return new RaftError('RAFT_TIMEOUT', `The read was not answered ${waited}. Nothing was changed by it: try again.`, {
    retryAfterMs: 1000,
  });
}
