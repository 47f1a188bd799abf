import type { CommandContext, QueryContext } from '../../../state-machine/declare/command-context';
import type { SnapshotSource } from '../../../state-machine/contract';
import { RaftCommand, RaftQuery, RaftRestore, RaftSnapshot } from '../../../state-machine/declare/decorators';
import { SnapshotMap } from '../../../state-machine/snapshot/snapshot-map';
import { ExpiringMachine } from '../shared/expiring-machine';
import { endOf, granted, type Holder, type LeaseRecord, NOBODY, withoutEnded } from './lease-record';

export interface LeaseAsk {
  readonly key: string;
  /** Of this attempt to get it: asking again with it is the same attempt. */
  readonly id: string;
  readonly ttlMs: number;
  /** How much longer it is wanted; 0: now, or not at all. */
  readonly waitMs: number;
  readonly permits: number;
  readonly maxWaiters: number;
}

export type LeaseAnswer =
  | { readonly state: 'held'; readonly token: number }
  | { readonly state: 'waiting'; readonly ahead: number }
  /** Others hold it, and it wasn't to be waited for. */
  | { readonly state: 'taken' }
  /** As many wait as may. */
  | { readonly state: 'full'; readonly waiting: number };

export interface LeaseStatus {
  readonly holders: readonly { readonly token: number; readonly expiresAt: number }[];
  readonly waiting: number;
}

/** Told when one who waited, or asked, gets the key. */
export interface GrantedEvent {
  readonly type: 'granted';
  readonly key: string;
  readonly id: string;
  readonly token: number;
}

/**
 * Keys that are held for a time and waited for in the order of the log; locks and semaphores are such. All times are the
 * cluster's, as the entries carry them.
 */
export abstract class LeaseMachine extends ExpiringMachine {
  private readonly records = new SnapshotMap<string, LeaseRecord>();

  /** Asks for a key, asks again while waiting, or asks whether an attempt whose answer was lost has got it. */
  @RaftCommand()
  acquire(context: CommandContext, ask: LeaseAsk): LeaseAnswer {
    const { key, id } = ask;
    const { now } = context;
    const record: LeaseRecord = { ...this.settled(key, now), permits: ask.permits };
    const own = record.holders.find((holder) => holder.id === id);
    if (own !== undefined) {
      this.store(context, key, replaceHolder(record, { ...own, ttlMs: ask.ttlMs, expiresAt: now + ask.ttlMs }));
      return { state: 'held', token: own.token };
    }
    const known = record.waiters.some((waiter) => waiter.id === id);
    if (!known && record.waiters.length >= ask.maxWaiters) {
      this.store(context, key, this.grant(context, key, record));
      return { state: 'full', waiting: record.waiters.length };
    }
    const waiters = known
      ? record.waiters.map((waiter) => (waiter.id === id ? { ...waiter, heardAt: now } : waiter))
      : [...record.waiters, { id, ttlMs: ask.ttlMs, untilMs: now + ask.waitMs, heardAt: now }];
    const after = this.grant(context, key, { ...record, waiters });
    const got = after.holders.find((holder) => holder.id === id);
    if (got === undefined && ask.waitMs === 0) {
      this.store(context, key, { ...after, waiters: after.waiters.filter((waiter) => waiter.id !== id) });
      return { state: 'taken' };
    }
    this.store(context, key, after);
    if (got !== undefined) return { state: 'held', token: got.token };
    return { state: 'waiting', ahead: after.waiters.findIndex((waiter) => waiter.id === id) };
  }

  /** @returns whether it was held still, and is for another ttl from now on */
  @RaftCommand()
  renew(context: CommandContext, key: string, id: string, token: number): boolean {
    const record = this.grant(context, key, this.settled(key, context.now));
    const own = record.holders.find((holder) => holder.id === id && holder.token === token);
    const after = own === undefined ? record : replaceHolder(record, { ...own, expiresAt: context.now + own.ttlMs });
    this.store(context, key, after);
    return own !== undefined;
  }

  /** @returns whether it was held still; where it wasn't, another's hold is untouched */
  @RaftCommand()
  release(context: CommandContext, key: string, id: string, token: number): boolean {
    const record = this.settled(key, context.now);
    const holders = record.holders.filter((holder) => holder.id !== id || holder.token !== token);
    this.store(context, key, this.grant(context, key, { ...record, holders }));
    return holders.length < record.holders.length;
  }

  /** Ends an attempt, whatever has come of it. */
  @RaftCommand()
  leave(context: CommandContext, key: string, id: string): void {
    const record = this.settled(key, context.now);
    const isOther = (one: { readonly id: string }): boolean => one.id !== id;
    const after = { ...record, holders: record.holders.filter(isOther), waiters: record.waiters.filter(isOther) };
    this.store(context, key, this.grant(context, key, after));
  }

  @RaftQuery()
  status(context: QueryContext, key: string): LeaseStatus {
    const { holders, waiters } = this.settled(key, context.now);
    return {
      holders: holders.map(({ token, expiresAt }) => ({ token, expiresAt })),
      waiting: waiters.length,
    };
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.records.capture();
  }

  @RaftRestore()
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.records.restore(chunks);
    this.forgetDue();
    for (const [key, record] of this.records) this.setDue(undefined, key, endOf(record));
  }

  protected override expireKey(context: CommandContext, key: string): void {
    this.store(context, key, this.grant(context, key, this.settled(key, context.now)));
  }

  private settled(key: string, nowMs: number): LeaseRecord {
    return withoutEnded(this.records.get(key) ?? NOBODY, nowMs);
  }

  private grant(context: CommandContext, key: string, before: LeaseRecord): LeaseRecord {
    const { record, grants } = granted(before, context.now, context.index);
    for (const { id, token } of grants) context.emit({ type: 'granted', key, id, token } satisfies GrantedEvent);
    return record;
  }

  private store(context: CommandContext, key: string, record: LeaseRecord): void {
    const endMs = endOf(record);
    if (endMs === undefined) this.records.delete(key);
    else this.records.set(key, record);
    this.setDue(context, key, endMs);
  }
}

function replaceHolder(record: LeaseRecord, changed: Holder): LeaseRecord {
  return { ...record, holders: record.holders.map((holder) => (holder.id === changed.id ? changed : holder)) };
}
