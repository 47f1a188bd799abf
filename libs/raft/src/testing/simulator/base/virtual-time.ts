/**
 * What runs first among the events of one instant, as in one turn of Node's event loop: timers, then what came in from
 * sockets and disks, then what was deferred behind it.
 */
export const PHASES = Object.freeze({ timer: 0, input: 1, deferred: 2 });

export type Phase = (typeof PHASES)[keyof typeof PHASES];

/** An event that is still to come; {@link VirtualTime.cancel} takes it back. */
export interface VirtualEvent {
  readonly atMs: number;
  readonly phase: Phase;
  readonly order: number;
  task: (() => void) | undefined;
}

/** The one clock of a simulation, and a heap of everything that will happen in it. The same calls give the same order. */
export class VirtualTime {
  private readonly heap: VirtualEvent[] = [];
  private scheduled = 0;
  private now = 0;

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.now;
  }

  /** When the next event comes; undefined where none is left. */
  get nextAtMs(): number | undefined {
    while (this.heap[0] !== undefined && this.heap[0].task === undefined) this.removeFirst();
    return this.heap[0]?.atMs;
  }

  schedule(atMs: number, phase: Phase, task: () => void): VirtualEvent {
    const event = { atMs: Math.max(atMs, this.now), phase, order: this.scheduled++, task };
    this.siftUp(event);
    return event;
  }

  after(delayMs: number, task: () => void): VirtualEvent {
    return this.schedule(this.now + delayMs, PHASES.input, task);
  }

  cancel(event: VirtualEvent): void {
    event.task = undefined;
  }

  /**
   * Goes on to the next event and runs it.
   *
   * @returns false where nothing is left, or nothing up to `untilMs`
   */
  runNext(untilMs: number): boolean {
    for (let next = this.heap[0]; next !== undefined && next.atMs <= untilMs; next = this.heap[0]) {
      this.removeFirst();
      if (next.task === undefined) continue;
      this.now = next.atMs;
      next.task();
      return true;
    }
    return false;
  }

  private siftUp(event: VirtualEvent): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  private removeFirst(): void {
    const { heap } = this;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(left: VirtualEvent, right: VirtualEvent): boolean {
  return left.atMs - right.atMs < 0 || (left.atMs === right.atMs && comesFirst(left, right));
}

function comesFirst(left: VirtualEvent, right: VirtualEvent): boolean {
  return left.phase === right.phase ? left.order < right.order : left.phase < right.phase;
}
