import { Advance } from './advance';
import { CatchUp } from './catch-up';
import { Inflights } from './inflights';
import type { ReplicaProgress } from '../base/kernel-api';
import type { ReplicaId } from '../base/types';

/**
 * What a leader knows of one replica. `probe`: it looks for the place where the logs meet, one append at a time.
 * `replicate`: the place is known, appends go out ahead of their answers. `snapshot`: the replica needs what was compacted.
 */
export class Progress {
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  matchIndex = 0;
  nextIndex: number;
  /** Of the append whose answer a probe waits for; 0 where none is on the way. */
  probeSequence = 0;
  /** The load of older entries that is under way for this replica; 0 where none is. */
  loadId = 0;
  /** Whether it answered since the last check of the quorum. */
  active = true;
  /** The greatest read round that it confirmed, and when that was sent. */
  confirmedRound = 0;
  confirmedSentAtMs = Number.NEGATIVE_INFINITY;
  /** The replica's own clock in its last answer to a heartbeat, which the next heartbeat echoes; -1 before the first. */
  echoMs = -1;
  /** It said so in its last answer to a heartbeat. */
  storeStalls = false;
  /** When it was heard last, on the leader's clock. */
  contactMs: number;
  /** Whether it keeps pace: of a replica that shall vote. */
  readonly catchUp = new CatchUp();
  /** Whether it was heard at all since this leader knows it. */
  wasHeard = false;
  /** How far its log and its state machine get while a change waits for it. */
  readonly held = new Advance();
  readonly applied = new Advance();
  /** It was removed: until then it is told so. */
  departsAtMs: number | undefined;
  readonly inflights: Inflights;

  constructor(
    readonly id: ReplicaId,
    nextIndex: number,
    maxInflightMessages: number,
    maxInflightBytes: number,
    nowMs: number,
  ) {
    this.contactMs = nowMs;
    this.nextIndex = nextIndex;
    this.inflights = new Inflights(maxInflightMessages, maxInflightBytes);
  }

  /** Whether the next append has to wait for an answer or for a load. */
  get paused(): boolean {
    if (this.loadId !== 0) return true;
    switch (this.state) {
      case 'probe':
        return this.probeSequence !== 0;
      case 'replicate':
        return this.inflights.full;
      case 'snapshot':
        return true;
    }
  }

  onReply(nowMs: number): void {
    this.active = true;
    this.wasHeard = true;
    this.contactMs = nowMs;
  }

  /** Whether it got further since the deadline of the change was set that waits for it. */
  get grows(): boolean {
    return this.held.grows || this.applied.grows;
  }

  /** The replica needs what the leader's log no longer has. */
  becomeSnapshot(): void {
    this.state = 'snapshot';
    this.probeSequence = 0;
    this.loadId = 0;
    this.inflights.clear();
  }

  /** The replica's log is the leader's up to `index`. @returns whether that is news */
  matched(index: number): boolean {
    this.inflights.freeTo(index);
    const news = index > this.matchIndex;
    if (news) this.matchIndex = index;
    this.held.reached(index);
    if (this.nextIndex <= index) this.nextIndex = index + 1;
    return news;
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.probeSequence = 0;
    this.inflights.clear();
    this.nextIndex = this.matchIndex + 1;
  }

  /** @param nextIndex where to look first; never at or below what is known to match */
  becomeProbe(nextIndex: number): void {
    this.state = 'probe';
    this.probeSequence = 0;
    this.loadId = 0;
    this.inflights.clear();
    this.nextIndex = Math.max(nextIndex, this.matchIndex + 1);
  }

  view(nowMs: number, electionTimeoutMs: number): ReplicaProgress {
    return {
      id: this.id,
      state: this.state,
      matchIndex: this.matchIndex,
      nextIndex: this.nextIndex,
      inflightMessages: this.inflights.messages,
      inflightBytes: this.inflights.bytes,
      active: this.active,
      silentMs: nowMs - this.contactMs,
      wasHeard: this.wasHeard,
      storeStalls: this.storeStalls,
      appliedIndex: this.catchUp.appliedIndex,
      isCaughtUp: this.catchUp.isDone(nowMs, electionTimeoutMs),
    };
  }
}
