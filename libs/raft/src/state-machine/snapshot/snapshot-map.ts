import type { SnapshotSource } from '../contract';
import { UnsupportedValueError } from '../codec/codec-errors';
import { type MapNode, MapCapture } from './map-capture';
import { readMapSnapshot } from './map-snapshot';
import { freezePlainData, sealPlainData } from './plain-state';

/** What a {@link SnapshotMap} may have as keys: what is equal when it is decoded again. @publicApi */
export type SnapshotKey = string | number | bigint | boolean;

/**
 * A Map for the state of a machine, which can be captured in no time: `capture()` copies nothing, and what is changed while
 * the capture is being read keeps its old value for it until then. Without a capture, a write costs little more than a Map's.
 *
 * Values are plain data, as for `encodeValue`. They are replaced, not changed in place: `set` freezes objects and arrays, so
 * that changing one throws. (Don't change a stored Map, Set, Date or Uint8Array either, which can't be frozen.)
 *
 * Iteration is in the order of insertion, as with a Map, and so are a snapshot and what is restored from it.
 *
 * @publicApi
 */
export class SnapshotMap<K extends SnapshotKey, V> implements Map<K, V> {
  readonly [Symbol.toStringTag] = 'SnapshotMap';

  private nodes = new Map<K, MapNode<K, V>>();
  private captures: MapCapture<K, V>[] = [];
  /** The order that the last inserted node got; the map's iteration is in ascending order. */
  private lastOrder = 0;

  get size(): number {
    return this.nodes.size;
  }

  get(key: K): V | undefined {
    return this.nodes.get(key)?.value;
  }

  has(key: K): boolean {
    return this.nodes.has(key);
  }

  /** @throws UnsupportedValueError the value isn't plain data; the map is as before */
  set(key: K, value: V): this {
    sealPlainData(value, 'the value');
    const node = this.nodes.get(key);
    if (node === undefined) {
      checkKey(key);
      // A Map makes one key of 0 and -0.
      const stored = (key === 0 ? 0 : key) as K;
      this.nodes.set(stored, { key: stored, value, order: ++this.lastOrder });
      return this;
    }
    for (const capture of this.captures) capture.beforeChange(node);
    node.value = value;
    return this;
  }

  delete(key: K): boolean {
    if (this.captures.length > 0) {
      const node = this.nodes.get(key);
      if (node !== undefined) for (const capture of this.captures) capture.beforeDelete(node);
    }
    return this.nodes.delete(key);
  }

  clear(): void {
    this.replaceNodes(new Map());
  }

  *entries(): Generator<[K, V], undefined, unknown> {
    for (const { key, value } of this.nodes.values()) yield [key, value];
  }

  keys(): MapIterator<K> {
    return this.nodes.keys();
  }

  *values(): Generator<V, undefined, unknown> {
    for (const { value } of this.nodes.values()) yield value;
  }

  [Symbol.iterator](): Generator<[K, V], undefined, unknown> {
    return this.entries();
  }

  forEach(visit: (value: V, key: K, map: Map<K, V>) => void, thisArg?: unknown): void {
    for (const { key, value } of this.nodes.values()) visit.call(thisArg, value, key, this);
  }

  /**
   * Captures the map as it is now, for a method with `@RaftSnapshot()`. Several captures may be read at once. The chunks of one
   * can be read once; when they are, or after `release()`, it costs nothing from then on.
   */
  capture(): SnapshotSource {
    const capture = new MapCapture(this.nodes, this.lastOrder, () => {
      this.captures = this.captures.filter((other) => other !== capture);
    });
    this.captures = [...this.captures, capture];
    return capture;
  }

  /**
   * Replaces the content by what was captured, for a method with `@RaftRestore()`: at once, when the last chunk was read. No
   * chunk at all empties the map.
   *
   * @throws MalformedBytesError the chunks aren't a whole snapshot; the map is as before
   * @throws UnknownFormatError a newer version wrote them; the map is as before
   */
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const nodes = new Map<K, MapNode<K, V>>();
    let order = this.lastOrder;
    await readMapSnapshot(chunks, (key, value) => {
      freezePlainData(value);
      nodes.set(key as K, { key: key as K, value: value as V, order: ++order });
    });
    this.lastOrder = Math.max(order, this.lastOrder);
    this.replaceNodes(nodes);
  }

  /** Captures go on with the nodes that they began with, which nobody changes. */
  private replaceNodes(nodes: Map<K, MapNode<K, V>>): void {
    this.nodes = nodes;
    this.captures = [];
  }
}

function checkKey(key: unknown): void {
  if (typeof key === 'object' || typeof key === 'function' || typeof key === 'symbol' || key === undefined)
    throw new UnsupportedValueError(
      'the key',
      `is ${key === null ? 'null' : typeof key}: a SnapshotMap has strings, numbers, bigints and booleans for keys`,
    );
  sealPlainData(key, 'the key');
}
