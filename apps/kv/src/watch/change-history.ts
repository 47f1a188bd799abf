import type { RaftMachineEvent } from 'nestjs-raft';
import type { KeyChange } from '../key-value.machine';

/** A change of a key, and the index of the command that made it. */
export interface IndexedChange extends KeyChange {
  readonly index: number;
}

/** What a watcher hears. `gap`: changes up to `index` aren't known here any more. */
export type WatchEvent =
  { readonly kind: 'change'; readonly change: IndexedChange } | { readonly kind: 'gap'; readonly index: number };

const KEPT_CHANGES = 10_000;
const KEPT_BYTES = 16 * 1024 * 1024;

/** The newest changes on this node, for watchers that come back, and those who watch now. */
export class ChangeHistory {
  private changes: IndexedChange[] = [];
  private bytes = 0;
  private lastIndex = 0;
  /** Changes up to here were dropped, or came with a snapshot. */
  private gapUpTo = 0;
  private readonly watchers = new Set<(event: WatchEvent) => void>();

  constructor(
    private readonly keptChanges = KEPT_CHANGES,
    private readonly keptBytes = KEPT_BYTES,
  ) {}

  /** The index of the last change that was heard of. */
  get index(): number {
    return this.lastIndex;
  }

  hear(event: RaftMachineEvent<KeyChange>): void {
    this.lastIndex = event.index;
    if (event.kind === 'replaced') {
      this.changes = [];
      this.bytes = 0;
      this.gapUpTo = event.index;
      this.tell({ kind: 'gap', index: event.index });
      return;
    }
    const change: IndexedChange = { ...event.value, index: event.index };
    this.changes.push(change);
    this.bytes += sizeOf(change);
    this.dropOldest();
    this.tell({ kind: 'change', change });
  }

  /**
   * @param after the index of the last change that the watcher has; undefined for one that begins now
   * @param listener called at once with what it has missed, and then with each change
   * @returns a function that ends it
   */
  watch(after: number | undefined, listener: (event: WatchEvent) => void): () => void {
    if (after !== undefined && after < this.gapUpTo) listener({ kind: 'gap', index: this.gapUpTo });
    const known = after === undefined ? Number.POSITIVE_INFINITY : after;
    for (const change of this.changes) if (change.index > known) listener({ kind: 'change', change });
    // A node that is behind the one that was watched before tells again what was heard there.
    const fresh = (event: WatchEvent): void => {
      if (after === undefined || event.kind === 'gap' || event.change.index > after) listener(event);
    };
    this.watchers.add(fresh);
    return () => this.watchers.delete(fresh);
  }

  private tell(event: WatchEvent): void {
    for (const watcher of this.watchers) watcher(event);
  }

  private dropOldest(): void {
    if (this.changes.length <= this.keptChanges && this.bytes <= this.keptBytes) return;
    // A quarter at once: dropping one by one would move them all each time.
    const [mostChanges, mostBytes] = [this.keptChanges * 0.75, this.keptBytes * 0.75];
    let dropped = 0;
    while (this.changes.length - dropped > mostChanges || this.bytes > mostBytes)
      this.bytes -= sizeOf(this.changes[dropped++]!);
    this.gapUpTo = this.changes[dropped - 1]!.index;
    this.changes = this.changes.slice(dropped);
  }
}

function sizeOf({ key, json }: IndexedChange): number {
  return 64 + 2 * (key.length + (json?.length ?? 0));
}
