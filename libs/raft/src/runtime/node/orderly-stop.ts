import { withDeadline } from '../base/with-deadline';
import type { RequestAdmission } from '../requests/request-admission';
import type { LeadershipTransfer } from '../membership/leadership-transfer';
import { errorMessage } from '../base/error-message';
import { shuttingDown } from '../base/node-errors';
import type { RaftNodeOptions } from '../options/raft-node-options';
import type { Replica } from '../replica/replica';

/** The share of the shutdown time that calls under way get to be decided. */
const DRAIN_SHARE = 0.4;
/** And the share that a leader gets to hand over. */
const HAND_OVER_SHARE = 0.3;

export interface StoppingNode {
  readonly options: RaftNodeOptions;
  readonly admission: RequestAdmission;
  readonly leadership: LeadershipTransfer;
  readonly starting: Promise<void> | undefined;
  /** Undefined where it no longer works. */
  workingReplica(): Replica | undefined;
  /** No timer and no input from now on. @returns when writes and applies that were under way have settled */
  closeParts(): Promise<void>;
}

/** Stops a node that was started: by `deadlineMs` of the scheduler's clock every call is answered and everything closed. */
export async function stopInOrder(node: StoppingNode, deadlineMs: number): Promise<void> {
  const { admission } = node;
  const { scheduler, shutdownTimeoutMs, transport, storage, stateMachine, logger } = node.options;
  const within = (limitMs: number, work: Promise<unknown> | undefined): Promise<boolean> =>
    withDeadline(
      scheduler,
      limitMs,
      work?.catch(() => undefined),
    );
  await within(deadlineMs, node.starting);
  await transferLeadership(node, deadlineMs);
  admission.refuseParked(shuttingDown());
  const drainedMs = Math.min(deadlineMs, scheduler.nowMs() + shutdownTimeoutMs * DRAIN_SHARE);
  await withDeadline(scheduler, drainedMs, admission.drained());
  const closed = node.closeParts();
  admission.answerEverybody(shuttingDown(), 'it was shut down');
  await withDeadline(scheduler, deadlineMs, closed);
  await within(deadlineMs, transport.stop());
  await within(deadlineMs, stateMachine.close?.());
  const isClosed = await within(deadlineMs, storage.close());
  if (!isClosed) logger.warn(`The store could not be closed within ${shutdownTimeoutMs} ms.`);
}

/** A leader that goes in order hands over first, so that nobody has to wait for an election. */
async function transferLeadership(node: StoppingNode, deadlineMs: number): Promise<void> {
  const { scheduler, shutdownTimeoutMs, electionTimeoutMs, logger } = node.options;
  const replica = node.workingReplica();
  if (replica?.isLeading !== true) return;
  const leftMs = Math.min(electionTimeoutMs, shutdownTimeoutMs * HAND_OVER_SHARE, deadlineMs - scheduler.nowMs());
  try {
    await withDeadline(scheduler, scheduler.nowMs() + leftMs, node.leadership.transferFrom(replica, leftMs));
  } catch (error) {
    logger.debug(`The leadership was not handed over: ${errorMessage(error)}`);
  }
}
