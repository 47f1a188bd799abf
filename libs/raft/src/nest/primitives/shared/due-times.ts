interface Due {
  readonly key: string;
  readonly atMs: number;
}

/** Left-over entries of the heap that are worth a clean-up. */
const SPARE = 64;

/**
 * The times at which something of a machine's keys ends, the earliest first. It follows from the state: a restore fills it
 * again, no snapshot holds it, and what it gives out depends on keys and times alone.
 */
export class DueTimes {
  private readonly times = new Map<string, number>();
  /** A binary heap. An entry whose time is no longer its key's is passed over. */
  private heap: Due[] = [];

  /** @param atMs cluster time; undefined where nothing of the key ends */
  set(key: string, atMs: number | undefined): void {
    if (this.times.get(key) === atMs) return;
    if (atMs === undefined) {
      this.times.delete(key);
      return;
    }
    this.times.set(key, atMs);
    if (this.heap.length > 2 * this.times.size + SPARE) this.rebuild();
    else this.push({ key, atMs });
  }

  earliest(): number | undefined {
    this.dropLeftOvers();
    return this.heap[0]?.atMs;
  }

  /** @returns the key that is due first, where it is due by `nowMs`; it stays until its time is set again */
  firstDue(nowMs: number): string | undefined {
    this.dropLeftOvers();
    const first = this.heap[0];
    return first !== undefined && first.atMs <= nowMs ? first.key : undefined;
  }

  clear(): void {
    this.times.clear();
    this.heap = [];
  }

  private dropLeftOvers(): void {
    for (let first = this.heap[0]; first !== undefined; first = this.heap[0]) {
      if (this.times.get(first.key) === first.atMs) return;
      this.removeFirst();
    }
  }

  private rebuild(): void {
    this.heap = [];
    for (const [key, atMs] of this.times) this.push({ key, atMs });
  }

  private push(due: Due): void {
    const { heap } = this;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(due, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = due;
  }

  private removeFirst(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

/** Keys of one time have an order, too: every node takes them alike. */
function isBefore(left: Due, right: Due): boolean {
  return left.atMs === right.atMs ? left.key < right.key : left.atMs < right.atMs;
}
