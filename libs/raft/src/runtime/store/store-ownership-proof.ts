/** Store ownership: the proof that this process still holds the lock of its store. */

import type { Message } from '../../core/base/messages';
import type { Scheduler } from '../base/scheduler';

/**
 * How long ago the store's session was last known to hold its lock. A process that was cut off from its store doesn't know
 * that another may have opened it and votes under the same replica id. So whatever rests on "this replica still stands
 * behind me" (an answer to a read, a confirmed heartbeat round) needs a proof that is not older than {@link validMs}; and a
 * process that takes a lock over stays silent for twice that time.
 */
export class StoreOwnershipProof {
  private provedAtMs = Number.NEGATIVE_INFINITY;

  /** @param validMs for how long a proof is good: half of the smallest election time-out */
  constructor(
    private readonly scheduler: Scheduler,
    readonly validMs: number,
  ) {}

  /**
   * The store answered.
   *
   * @param sentAtMs when it was asked: only then is the session known to have been alive, not when the answer was read
   */
  proved(sentAtMs: number): void {
    if (sentAtMs > this.provedAtMs) this.provedAtMs = sentAtMs;
  }

  isFresh(): boolean {
    return this.ageMs() <= this.validMs;
  }

  /** How long ago it was last certain that this process alone speaks for its replica; 0 while a proof is fresh. */
  overdueMs(): number {
    return Math.max(0, this.ageMs() - this.validMs);
  }

  ageMs(): number {
    return this.scheduler.nowMs() - this.provedAtMs;
  }
}

/**
 * Answering a round says "I have voted for nobody else", and so does a leader that counts itself among those who confirmed
 * it: that needs the store. Being alive doesn't.
 *
 * @returns the message, with no more in it than is proved
 */
export function asFarAsProved(message: Message, proof: StoreOwnershipProof): Message {
  if (message.kind === 'heartbeatReply')
    return message.round > 0 && !proof.isFresh() ? { ...message, round: 0 } : message;
  if (message.kind !== 'heartbeat' || message.quorumAgeMs < 0) return message;
  const overdueMs = proof.overdueMs();
  return message.quorumAgeMs >= overdueMs ? message : { ...message, quorumAgeMs: overdueMs };
}
