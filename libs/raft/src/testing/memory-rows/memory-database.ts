import type { LogId } from '../../core/base/types';
import { ORIGIN } from '../../core/base/types';

/** A row's content is plain data. */
export type Rows = ReadonlyMap<string, unknown>;

/** What one transaction leaves behind. */
export interface MemoryCommit {
  readonly rows: Rows;
  readonly last: LogId;
  /** Outcomes that are to be kept, by index: rows of their own. */
  readonly outcomes: ReadonlyMap<number, readonly unknown[]>;
}

/**
 * A database of one node that outlasts its processes, in memory. One session at a time may write: whoever opens it takes it
 * over, and what the one before has on its way no longer lands.
 */
export class MemoryDatabase {
  private content: Rows = new Map();
  private place: LogId = ORIGIN;
  private kept = new Map<number, readonly unknown[]>();
  private forgotten = 0;
  private owner: object | undefined;
  private cluster = '';

  get rows(): Rows {
    return this.content;
  }

  get last(): LogId {
    return this.place;
  }

  get outcomes(): ReadonlyMap<number, readonly unknown[]> {
    return this.kept;
  }

  get forgottenThrough(): number {
    return this.forgotten;
  }

  open(session: object, clusterId: string): void {
    if (this.cluster !== '' && this.cluster !== clusterId)
      throw new Error(`The rows are of the cluster ${this.cluster}, and not of ${clusterId}`);
    this.cluster = clusterId;
    this.owner = session;
  }

  commit(session: object, { rows, last, outcomes }: MemoryCommit): void {
    this.check(session);
    this.content = rows;
    this.place = last;
    for (const [index, outcome] of outcomes) this.kept.set(index, outcome);
  }

  replace(session: object, rows: Rows, last: LogId): void {
    this.check(session);
    this.content = rows;
    this.place = last;
    this.kept.clear();
    this.forgotten = last.index;
  }

  forget(through: number): void {
    this.forgotten = Math.max(this.forgotten, through);
    for (const index of this.kept.keys()) if (index <= through) this.kept.delete(index);
  }

  private check(session: object): void {
    if (this.owner !== session) throw new Error('The session is gone: another process has opened the database');
  }
}
