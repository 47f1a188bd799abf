import type { PendingRequest } from './pending-request';

const SLOTS = 1024;
const SLOT_MS = 20;

/**
 * Deadlines of everything that waits, in a wheel of slots that each tick turns: a request is added and removed in constant
 * time, and none has a timer of its own.
 */
export class DeadlineQueue {
  private readonly slots: (PendingRequest | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  private turnedTo: number;
  private count = 0;

  constructor(nowMs: number) {
    this.turnedTo = slotNumber(nowMs);
  }

  get size(): number {
    return this.count;
  }

  add(request: PendingRequest): void {
    // A deadline that has passed already goes into the slot that is turned next.
    if (slotNumber(request.deadlineMs) < this.turnedTo) request.setDeadline(this.turnedTo * SLOT_MS);
    const at = this.slotOf(request);
    request.linkBefore(this.slots[at]);
    this.slots[at] = request;
    this.count++;
  }

  remove(request: PendingRequest): void {
    const { later } = request;
    if (request.unlink()) this.slots[this.slotOf(request)] = later;
    this.count--;
  }

  /** Calls `expire` for each request whose deadline has passed. `expire` removes it. */
  turn(nowMs: number, expire: (request: PendingRequest) => void): void {
    const to = slotNumber(nowMs);
    const from = Math.max(this.turnedTo, to - SLOTS + 1);
    for (let slot = from; slot <= to; slot++) {
      let request = this.slots[slot % SLOTS];
      while (request !== undefined) {
        const { later } = request;
        if (request.deadlineMs <= nowMs) expire(request);
        request = later;
      }
    }
    this.turnedTo = to;
  }

  /** Calls `visit` for every request; it may remove that one. */
  forEach(visit: (request: PendingRequest) => void): void {
    for (let at = 0; at < SLOTS; at++) {
      let request = this.slots[at];
      while (request !== undefined) {
        const { later } = request;
        visit(request);
        request = later;
      }
    }
  }

  private slotOf(request: PendingRequest): number {
    return slotNumber(request.deadlineMs) % SLOTS;
  }
}

function slotNumber(timeMs: number): number {
  return Math.floor(timeMs / SLOT_MS);
}
