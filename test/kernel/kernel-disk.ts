import {
  ORIGIN,
  type ConfigurationInForce,
  type DurableState,
  type Entry,
  type HardState,
  type LogId,
  type PersistBatch,
  type TermRun,
} from '../../libs/raft/src/core';

/** What one node's store holds. A batch lands whole or not at all. */
export class KernelDisk {
  hardState: HardState = { term: 0, votedFor: 0 };
  commitIndex = 0;
  lastBatch = 0;
  /** The position before the first entry: of the snapshot that took the place of the log before it. */
  origin: LogId = ORIGIN;
  entries: Entry[] = [];
  /** Every batch that has landed. */
  readonly landed: PersistBatch[] = [];

  constructor(public configuration: ConfigurationInForce) {}

  get lastIndex(): number {
    return this.origin.index + this.entries.length;
  }

  land(batch: PersistBatch): void {
    if (batch.number !== this.lastBatch + 1) throw new Error(`batch ${batch.number} follows ${this.lastBatch}`);
    if (batch.truncateFrom !== undefined)
      this.entries = this.entries.slice(0, batch.truncateFrom - 1 - this.origin.index);
    for (const entry of batch.entries) {
      if (entry.index !== this.lastIndex + 1) throw new Error(`entry ${entry.index} leaves a gap in the store`);
      this.entries.push(entry);
    }
    if (batch.hardState !== undefined) this.hardState = batch.hardState;
    if (batch.configuration !== undefined) this.configuration = batch.configuration;
    if (batch.commitIndex < this.commitIndex) throw new Error('the durable commit index went back');
    this.commitIndex = batch.commitIndex;
    this.lastBatch = batch.number;
    this.landed.push(batch);
  }

  slice(from: number, to: number): readonly Entry[] {
    return this.entries.slice(Math.max(0, from - 1 - this.origin.index), to - this.origin.index);
  }

  /** Cuts the head; a log that doesn't hold the entry is dropped. */
  cut(to: LogId): void {
    const holds = this.entries[to.index - 1 - this.origin.index]?.term === to.term;
    this.entries = holds ? this.entries.slice(to.index - this.origin.index) : [];
    this.origin = to;
  }

  load(): DurableState {
    return {
      hardState: this.hardState,
      commitIndex: this.commitIndex,
      lastBatch: this.lastBatch,
      snapshot: this.origin,
      lastIndex: this.lastIndex,
      terms: termRunsOf(this.entries),
      configuration: this.configuration,
      configurationEntries: this.entries.filter(
        (entry) => entry.kind === 'configuration' && entry.index > this.configuration.index,
      ),
    };
  }
}

function termRunsOf(entries: readonly Entry[]): TermRun[] {
  const runs: TermRun[] = [];
  for (const { index, term } of entries) if (runs.at(-1)?.term !== term) runs.push({ firstIndex: index, term });
  return runs;
}
