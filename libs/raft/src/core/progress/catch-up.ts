/** Catch-up: rounds of the log by which a leader judges whether a new member keeps pace (thesis §4.2.1). */

/** A round counts for so many election time-outs: what was applied longer ago says nothing about the replica as it is now. */
const ROUND_COUNTS_ELECTION_TIMEOUTS = 10;
/** Ends of rounds are remembered so many times in an election time-out: often enough to measure by, and seldom enough to bound. */
const MARKS_PER_ELECTION_TIMEOUT = 4;

interface Mark {
  readonly index: number;
  readonly endedAtMs: number;
}

/**
 * Whether one replica keeps pace, as far as its leader knows: with its log, and with its state machine. A voter whose log is
 * level and whose state machine stands still counts in every majority, and could neither lead nor answer (thesis §4.2.1).
 */
export class CatchUp {
  /** The log's end when the round began that is under way, and when that was; 0 where none is. */
  private endsAt = 0;
  private sinceMs = 0;
  private lastWasShort = false;
  /** Rounds that have ended, the newest last. */
  private marks: Mark[] = [];
  private applied = 0;
  private appliedSentAtMs = Number.NEGATIVE_INFINITY;

  /** The last entry that its state machine had applied, by its own last word; 0 before the first. */
  get appliedIndex(): number {
    return this.applied;
  }

  /** Another membership is in force: rounds begin with it. */
  restart(): void {
    this.endsAt = 0;
    this.lastWasShort = false;
    this.marks = [];
  }

  /**
   * The replica says what it has applied. It may be less than before: a process that was started again replays its log.
   *
   * @param sentAtMs when that was asked, on the leader's clock: an answer to an earlier question comes too late
   */
  onApplied(index: number, sentAtMs: number): void {
    if (sentAtMs < this.appliedSentAtMs) return;
    this.appliedSentAtMs = sentAtMs;
    this.applied = index;
  }

  /**
   * Counts the rounds in which a replica gets what the leader had when the round began. A round that is shorter than an election
   * time-out means that the rest won't hold up a commit for longer than an election would.
   *
   * @param matchIndex up to here the replica's log is the leader's
   * @param lastIndex where the leader's log ends
   */
  count(matchIndex: number, lastIndex: number, nowMs: number, electionTimeoutMs: number): void {
    if (this.endsAt === 0) this.begin(lastIndex, nowMs);
    if (matchIndex < this.endsAt) return;
    this.lastWasShort = nowMs - this.sinceMs < electionTimeoutMs || matchIndex === lastIndex;
    this.mark(this.endsAt, nowMs, electionTimeoutMs);
    this.begin(lastIndex, nowMs);
  }

  /** Whether its log's last round was short, and its state machine has reached the end of a round that ended not long ago. */
  isDone(nowMs: number, electionTimeoutMs: number): boolean {
    if (!this.lastWasShort) return false;
    const sinceMs = nowMs - ROUND_COUNTS_ELECTION_TIMEOUTS * electionTimeoutMs;
    return this.marks.some(({ index, endedAtMs }) => index <= this.applied && endedAtMs >= sinceMs);
  }

  private begin(lastIndex: number, nowMs: number): void {
    this.endsAt = lastIndex;
    this.sinceMs = nowMs;
  }

  private mark(index: number, nowMs: number, electionTimeoutMs: number): void {
    const newest = this.marks.at(-1);
    if (newest !== undefined && nowMs - newest.endedAtMs < electionTimeoutMs / MARKS_PER_ELECTION_TIMEOUT) return;
    const sinceMs = nowMs - ROUND_COUNTS_ELECTION_TIMEOUTS * electionTimeoutMs;
    this.marks = this.marks.filter(({ endedAtMs }) => endedAtMs >= sinceMs);
    this.marks.push({ index, endedAtMs: nowMs });
  }
}
