import { decodeConfiguration } from '../membership/configuration-codec';
import type { Configuration } from '../base/configuration';
import type { DurableState } from '../base/effects';
import { entrySizeBytes, type Entry } from '../base/entry';
import { EntryWindow } from './entry-window';
import { invariant } from '../base/invariant';
import { TermList } from './term-list';
import { compareLogIds, type LogId } from '../base/types';

interface PendingConfiguration {
  readonly index: number;
  readonly configuration: Configuration;
}

/** The log as the kernel knows it: all terms, the recent bytes, and how far it is committed. */
export class RaftLog {
  readonly terms: TermList;
  readonly window: EntryWindow;
  private committed: number;
  /** Configuration entries above the commit index: they take effect when it passes them. */
  private pendingConfigurations: PendingConfiguration[];

  constructor(durable: DurableState, appliedIndex: number, budgetBytes: number) {
    this.terms = new TermList(durable.snapshot, durable.lastIndex, durable.terms);
    this.window = new EntryWindow(durable.lastIndex, budgetBytes);
    // The machine may be ahead of the commit index that was written last: what is applied was committed.
    this.committed = Math.max(durable.commitIndex, appliedIndex, durable.snapshot.index);
    invariant(
      this.committed <= durable.lastIndex,
      () =>
        `the log ends at ${durable.lastIndex}, but entries up to ${this.committed} were committed: the store has lost its tail (a restored backup, or a disk that lied)`,
    );
    this.pendingConfigurations = durable.configurationEntries
      .filter((entry) => entry.index > durable.configuration.index)
      .map(pendingConfigurationOf);
  }

  get lastIndex(): number {
    return this.terms.lastIndex;
  }

  get lastId(): LogId {
    return this.terms.lastId;
  }

  get commitIndex(): number {
    return this.committed;
  }

  get commitId(): LogId {
    return { index: this.committed, term: this.terms.termAt(this.committed)! };
  }

  /** Thesis §3.6.1: the later last term wins, then the longer log. */
  isUpToDate(candidate: LogId): boolean {
    return compareLogIds(candidate, this.lastId) >= 0;
  }

  append(entry: Entry): void {
    this.terms.append(entry.index, entry.term);
    this.window.append(entry);
    if (entry.kind === 'configuration') this.pendingConfigurations.push(pendingConfigurationOf(entry));
  }

  /** @throws InvariantError at or below the commit index: what is committed never changes */
  truncateFrom(index: number): void {
    invariant(
      index > this.committed,
      () =>
        `entry ${index} conflicts with the leader's, but the log is committed up to ${this.committed}: this store or the leader's is corrupt`,
    );
    this.terms.truncateFrom(index);
    this.window.truncateFrom(index);
    this.pendingConfigurations = this.pendingConfigurations.filter((pending) => pending.index < index);
  }

  /**
   * Moves the commit index forward.
   *
   * @returns the configurations that take effect thereby, in order
   */
  commitTo(index: number): readonly PendingConfiguration[] {
    invariant(index <= this.lastIndex, () => `commit ${index} is beyond the end of the log, ${this.lastIndex}`);
    invariant(index >= this.committed, () => `commit goes back from ${this.committed} to ${index}`);
    this.committed = index;
    return this.configurationsPassed();
  }

  /** Takes the configurations that the commit index has passed, in order; the newest is the one in force. */
  configurationsPassed(): readonly PendingConfiguration[] {
    const { pendingConfigurations: pending } = this;
    if (pending.length === 0 || pending[0]!.index > this.committed) return [];
    const count = pending.filter(({ index }) => index <= this.committed).length;
    return pending.splice(0, count);
  }

  /** Whether a configuration stands in the log that isn't in force yet: no other may be proposed then. */
  get hasPendingConfiguration(): boolean {
    return this.pendingConfigurations.length > 0;
  }

  /** The one that was written last of those. */
  get pendingConfiguration(): PendingConfiguration | undefined {
    return this.pendingConfigurations.at(-1);
  }

  /** The log begins behind `to`. */
  compactTo(to: LogId): void {
    this.terms.compactTo(to);
    this.window.dropTo(to.index);
  }

  /** The log is empty, behind an entry that a snapshot covers. */
  restartBehind(last: LogId): void {
    this.terms.restartBehind(last);
    this.window.restartBehind(last.index);
    this.committed = last.index;
    this.pendingConfigurations = [];
  }

  /** Bytes of the held entries in (after, to]. */
  bytesBetween(after: number, to: number): number {
    let bytes = 0;
    for (let index = Math.max(after + 1, this.window.firstIndex); index <= to; index++)
      bytes += entrySizeBytes(this.window.at(index)!);
    return bytes;
  }
}

function pendingConfigurationOf(entry: Entry): PendingConfiguration {
  return { index: entry.index, configuration: decodeConfiguration(entry.data) };
}
