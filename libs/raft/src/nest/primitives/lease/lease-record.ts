/** Who holds a key: a lock has one of them, a semaphore several. */
export interface Holder {
  readonly id: string;
  /** The index of the entry that granted it. */
  readonly token: number;
  readonly ttlMs: number;
  /** Cluster time at which it ends automatically. */
  readonly expiresAt: number;
}

export interface Waiter {
  readonly id: string;
  readonly ttlMs: number;
  /** Cluster time up to which it waits. */
  readonly untilMs: number;
  /** Cluster time at which it last asked. */
  readonly heardAt: number;
}

/** All that is known of one key. Waiters stand in the order of the log. */
export interface LeaseRecord {
  readonly permits: number;
  readonly holders: readonly Holder[];
  readonly waiters: readonly Waiter[];
}

/**
 * Who waits asks again every {@link ASKS_AGAIN_MS}; who wasn't heard for three times that is passed over when the turn comes, since
 * its process has probably ended. It keeps its place: where it was only cut off, it goes on waiting there.
 */
export const ASKS_AGAIN_MS = 5_000;
const PATIENCE_MS = 3 * ASKS_AGAIN_MS;

export const NOBODY: LeaseRecord = Object.freeze({ permits: 1, holders: [], waiters: [] });

/** @returns the record without what has ended by `nowMs` */
export function withoutEnded(record: LeaseRecord, nowMs: number): LeaseRecord {
  return {
    permits: record.permits,
    holders: record.holders.filter(({ expiresAt }) => expiresAt > nowMs),
    waiters: record.waiters.filter(({ untilMs }) => untilMs >= nowMs),
  };
}

/** Hands what is free to those who wait, in their order. @returns the record, and who got it now */
export function granted(
  record: LeaseRecord,
  nowMs: number,
  token: number,
): { readonly record: LeaseRecord; readonly grants: readonly Holder[] } {
  const grants: Holder[] = [];
  let { waiters } = record;
  while (record.holders.length + grants.length < record.permits) {
    const next = waiters.find(({ heardAt }) => nowMs - heardAt <= PATIENCE_MS);
    if (next === undefined) break;
    waiters = waiters.filter((waiter) => waiter !== next);
    grants.push({ id: next.id, token, ttlMs: next.ttlMs, expiresAt: nowMs + next.ttlMs });
  }
  return { record: { ...record, holders: [...record.holders, ...grants], waiters }, grants };
}

/** @returns the cluster time at which something of it ends, or undefined where it is empty */
export function endOf({ holders, waiters }: LeaseRecord): number | undefined {
  let endMs = Infinity;
  for (const { expiresAt } of holders) endMs = Math.min(endMs, expiresAt);
  for (const { untilMs } of waiters) endMs = Math.min(endMs, untilMs + 1);
  return endMs === Infinity ? undefined : endMs;
}
