/** How far one replica gets between two deadlines of a change: what it holds, or what it has applied. */
export class Advance {
  private reachedIndex = -1;
  private atDeadline = -1;

  /** It is new, so it begins with nothing. Of others a new leader learns first how far they are: that is no advance. */
  beginsEmpty(): void {
    this.reachedIndex = 0;
    this.atDeadline = 0;
  }

  /** It is as far as this; what it reaches again after a restart counts no second time. */
  reached(index: number): void {
    this.reachedIndex = Math.max(this.reachedIndex, index);
    if (this.atDeadline < 0) this.atDeadline = index;
  }

  deadlineSet(): void {
    this.atDeadline = this.reachedIndex;
  }

  /** Whether it got further since the deadline was set. */
  get grows(): boolean {
    return this.atDeadline >= 0 && this.reachedIndex > this.atDeadline;
  }
}
