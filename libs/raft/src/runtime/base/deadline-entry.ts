/** A deadline, as a node of the lists of the deadline queue. */
export abstract class DeadlineEntry {
  private dueMs = 0;
  private earlier: this | undefined;
  private next: this | undefined;

  get deadlineMs(): number {
    return this.dueMs;
  }

  /** The next one of its slot. */
  get later(): this | undefined {
    return this.next;
  }

  setDeadline(deadlineMs: number): void {
    this.dueMs = deadlineMs;
  }

  /** Goes first in a slot, before `head`. */
  linkBefore(head: this | undefined): void {
    this.earlier = undefined;
    this.next = head;
    if (head !== undefined) head.earlier = this;
  }

  /** Leaves its slot. @returns whether it was the first there */
  unlink(): boolean {
    const { earlier, next } = this;
    if (earlier !== undefined) earlier.next = next;
    if (next !== undefined) next.earlier = earlier;
    this.earlier = undefined;
    this.next = undefined;
    return earlier === undefined;
  }
}
