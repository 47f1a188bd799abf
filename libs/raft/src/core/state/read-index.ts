/** The read index of linearizable reads, and the round that confirms it (thesis §6.4). */

interface WaitingRead {
  readonly context: number;
  readonly index: number;
  /** The first round that was sent after the read came. */
  readonly round: number;
}

/**
 * Linearizable reads without a log entry (thesis §6.4), in numbered rounds: a read is confirmed only by answers to a round
 * that was sent after it came, since an answer on its way may be from before another leader's write.
 */
export class ReadIndex {
  private sentRound = 0;
  private confirmedRound = 0;
  private waiting: WaitingRead[] = [];
  /** Reads that came before this leader's first commit: until then it doesn't know what was committed before it. */
  private parked: number[] = [];

  get round(): number {
    return this.sentRound;
  }

  /** A round is due: reads wait for one that was not sent yet, and none is on the way whose answers they could share. */
  get roundDue(): boolean {
    return this.sentRound === this.confirmedRound && (this.waiting.at(-1)?.round ?? 0) > this.sentRound;
  }

  park(context: number): void {
    this.parked.push(context);
  }

  takeParked(): readonly number[] {
    const parked = this.parked;
    this.parked = [];
    return parked;
  }

  /** @param index the commit index of this instant: what the read must see */
  add(context: number, index: number): void {
    this.waiting.push({ context, index, round: this.sentRound + 1 });
  }

  /** @returns the number of the round that is sent now */
  startRound(): number {
    return ++this.sentRound;
  }

  /**
   * A quorum has answered this round.
   *
   * @returns the reads that it confirms
   */
  confirm(round: number): readonly WaitingRead[] {
    if (round <= this.confirmedRound) return [];
    this.confirmedRound = round;
    let count = 0;
    while (count < this.waiting.length && this.waiting[count]!.round <= round) count++;
    return count === 0 ? [] : this.waiting.splice(0, count);
  }

  /** Leadership is lost. @returns the contexts of all reads that will never be confirmed */
  clear(): readonly number[] {
    const contexts = [...this.parked, ...this.waiting.map((read) => read.context)];
    this.parked = [];
    this.waiting = [];
    this.confirmedRound = this.sentRound;
    return contexts;
  }
}
