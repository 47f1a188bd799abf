/** When a node takes snapshots of its state by itself, and how much of the log it keeps behind them. @publicApi */
export interface SnapshotOptions {
  /** After so many entries since the last one. Default 100,000. Too low: the state is written again and again; too high: a start replays for long. */
  readonly afterEntries: number;
  /** After so many bytes of entries since the last one. Default 64 MiB. */
  readonly afterBytes: number;
  /** After so many milliseconds since the last one, where anything was applied. Default null: never for its age. */
  readonly afterMs: number | null;
  /** Entries that stay in the log behind a snapshot, for followers that are a little behind. Default 10,000. Too low: they get the whole snapshot. */
  readonly trailingEntries: number;
  /** And so many bytes of them at most, whichever is less. Default 64 MiB. Too low: as above; too high: large commands fill the store. */
  readonly trailingBytes: number;
}

export const DEFAULT_SNAPSHOTS: SnapshotOptions = Object.freeze({
  afterEntries: 100_000,
  afterBytes: 64 * 1024 * 1024,
  afterMs: null,
  trailingEntries: 10_000,
  trailingBytes: 64 * 1024 * 1024,
});
