import type { SnapshotSource } from '../contract';
import { mapSnapshotChunks } from './map-snapshot';

/** An entry of a map. Its order is its place among the others, and never changes. */
export interface MapNode<K, V> {
  readonly key: K;
  value: V;
  readonly order: number;
}

/**
 * A map as it was at one moment. It walks the live map in the order of insertion, and the map tells it, before each change, of
 * what it hasn't come to yet: of a changed entry it keeps the old value, of a deleted one the entry. Nothing is copied at the
 * capture, and what is kept is at most what was changed since.
 */
export class MapCapture<K, V> implements SnapshotSource {
  private readonly live: Iterator<MapNode<K, V>>;
  private readonly oldValues = new Map<MapNode<K, V>, V>();
  private readonly deleted = new DeletedNodes<K, V>();
  /** The live map's next node that isn't read yet; it stays to be read even if it is deleted meanwhile. */
  private upcoming: MapNode<K, V> | undefined;
  private readThrough = 0;
  private state: 'captured' | 'reading' | 'released' = 'captured';

  /**
   * @param lastOrder nodes above it came after the capture
   * @param onRelease called once, when the map needs to tell of changes no more
   */
  constructor(
    nodes: ReadonlyMap<K, MapNode<K, V>>,
    private readonly lastOrder: number,
    private readonly onRelease: () => void,
  ) {
    this.live = nodes.values();
  }

  beforeChange(node: MapNode<K, V>): void {
    if (this.isToBeRead(node) && !this.oldValues.has(node)) this.oldValues.set(node, node.value);
  }

  beforeDelete(node: MapNode<K, V>): void {
    if (this.isToBeRead(node) && node !== this.upcoming) this.deleted.add(node);
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.state !== 'captured')
      throw new Error(
        this.state === 'released'
          ? 'This capture was released: take a new one.'
          : 'The chunks of a capture can be read once: take a new one.',
      );
    this.state = 'reading';
    try {
      yield* mapSnapshotChunks(() => this.next());
    } finally {
      this.release();
    }
  }

  release(): void {
    if (this.state === 'released') return;
    this.state = 'released';
    this.oldValues.clear();
    this.deleted.clear();
    this.onRelease();
  }

  private isToBeRead(node: MapNode<K, V>): boolean {
    return node.order <= this.lastOrder && node.order > this.readThrough;
  }

  /** @returns the next entry as it was at the capture */
  private next(): readonly [K, V] | undefined {
    if (this.state === 'released') throw new Error('This capture was released while it was read.');
    const node = this.nextNode();
    if (node === undefined) return undefined;
    this.readThrough = node.order;
    if (!this.oldValues.has(node)) return [node.key, node.value];
    const value = this.oldValues.get(node) as V;
    this.oldValues.delete(node);
    return [node.key, value];
  }

  private nextNode(): MapNode<K, V> | undefined {
    this.upcoming ??= this.nextLive();
    const deleted = this.deleted.first();
    const { upcoming } = this;
    if (deleted !== undefined && (upcoming === undefined || deleted.order < upcoming.order)) {
      this.deleted.removeFirst();
      return deleted;
    }
    this.upcoming = undefined;
    return upcoming;
  }

  private nextLive(): MapNode<K, V> | undefined {
    const step = this.live.next();
    return step.done === true || step.value.order > this.lastOrder ? undefined : step.value;
  }
}

/** Nodes that were deleted before they were read: a binary heap, the smallest order first. */
class DeletedNodes<K, V> {
  private heap: MapNode<K, V>[] = [];

  first(): MapNode<K, V> | undefined {
    return this.heap[0];
  }

  clear(): void {
    this.heap = [];
  }

  add(node: MapNode<K, V>): void {
    const { heap } = this;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.order < node.order) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = node;
  }

  removeFirst(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.order < heap[child]!.order) child++;
      if (heap[child]!.order > last.order) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
