/** Freshness: how old the state of a follower is at most, by its own clock alone. */

import type { Freshness } from '../base/kernel-api';

interface Mark {
  /** Once this is applied, … */
  readonly index: number;
  /** … everything is here that was committed anywhere before this time, on this replica's own clock. */
  readonly asOfMs: number;
}

const MOST_MARKS = 64;

/**
 * How old a follower's state is at most. The leader echoes the clock of the follower's own last answer, with its commit index
 * of now and how long ago a quorum confirmed it: nothing is measured between two clocks, and a leader that is cut off makes
 * its own words older and older.
 */
export class FreshnessMarks {
  private marks: Mark[] = [];

  /** @param clockOffsetMs added to the clock that is sent out, drawn again in each life: an echo from another life is out of range */
  constructor(
    private readonly clockOffsetMs: number,
    private readonly bornMs: number,
  ) {}

  clock(nowMs: number): number {
    return nowMs + this.clockOffsetMs;
  }

  /** @param echoMs what {@link clock} said, as the leader has it; -1 for nothing @param quorumAgeMs -1 for never */
  learn(leaderCommit: number, echoMs: number, quorumAgeMs: number, nowMs: number): void {
    const echoedMs = echoMs - this.clockOffsetMs;
    if (echoMs < 0 || quorumAgeMs < 0 || echoedMs < this.bornMs || echoedMs > nowMs) return;
    const asOfMs = echoedMs - quorumAgeMs;
    const last = this.marks.at(-1);
    if (last !== undefined && asOfMs <= last.asOfMs) return;
    if (last?.index === leaderCommit) this.marks.pop();
    this.marks.push({ index: leaderCommit, asOfMs });
    if (this.marks.length > MOST_MARKS) this.marks.splice(1, 1);
  }

  at(appliedIndex: number, nowMs: number): Freshness | undefined {
    const at = this.marks.findLastIndex((mark) => mark.index <= appliedIndex);
    if (at < 0) return undefined;
    if (at > 0) this.marks.splice(0, at);
    const { index, asOfMs } = this.marks[0]!;
    return { index, ageMs: nowMs - asOfMs };
  }
}
