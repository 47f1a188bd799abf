import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { SeededRandom } from '../../core/base/random';
import type { SnapshotSource } from '../contract';
import { type SnapshotKey, SnapshotMap } from './snapshot-map';
import { encodeValue } from '../codec/value-codec';

const CHUNK_LIMIT = 64 * 1024;

async function collect(source: SnapshotSource): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.chunks()) chunks.push(chunk);
  source.release();
  return chunks;
}

async function* replay(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function restored<K extends SnapshotKey, V>(chunks: readonly Uint8Array[]): Promise<SnapshotMap<K, V>> {
  const map = new SnapshotMap<K, V>();
  await map.restore(replay(chunks));
  return map;
}

/** Of the entries in their order. */
function hashOf(map: Iterable<readonly [unknown, unknown]>): string {
  const hash = createHash('sha256');
  for (const entry of map) hash.update(encodeValue(entry));
  return hash.digest('hex');
}

function filled(entries: number): SnapshotMap<string, string> {
  const map = new SnapshotMap<string, string>();
  for (let i = 0; i < entries; i++) map.set(`key-${i}`, `value-${i}`);
  return map;
}

describe('A SnapshotMap', () => {
  it('is a Map', () => {
    const map = new SnapshotMap<string | number, unknown>();
    expect(map.set('a', 1).set('b', undefined).set(-0, 2)).toBe(map);
    expect([map.size, map.get('a'), map.get('b'), map.has('b'), map.has('c'), map.get(0)]).toEqual([
      3,
      1,
      undefined,
      true,
      false,
      2,
    ]);
    map.set('a', 3);
    expect([...map]).toEqual([
      ['a', 3],
      ['b', undefined],
      [0, 2],
    ]);
    expect(Object.is([...map.keys()][2], 0)).toBe(true);
    expect(map.delete('a')).toBe(true);
    expect(map.delete('a')).toBe(false);
    map.set('a', 4);
    expect([...map.keys()]).toEqual(['b', 0, 'a']);
    expect([...map.values()]).toEqual([undefined, 2, 4]);
    const seen: unknown[] = [];
    map.forEach((value, key, of) => seen.push([key, value, of === map]));
    expect(seen).toEqual([
      ['b', undefined, true],
      [0, 2, true],
      ['a', 4, true],
    ]);
    map.clear();
    expect([map.size, [...map]]).toEqual([0, []]);
  });

  it('refuses what no snapshot can hold, and is as before', () => {
    class User {}
    const map = new SnapshotMap<string, unknown>();
    expect(() => map.set('a', { owner: new User() })).toThrow('the value.owner is a User: pass plain data');
    expect(() => map.set('a', () => 1)).toThrow(/the value is/);
    expect(() => map.set('a', '\udc00')).toThrow(/half of a surrogate pair/);
    expect(() => map.set('\udc00', 1)).toThrow(/the key has half of a surrogate pair/);
    expect(() => map.set({} as string, 1)).toThrow(/the key is object: a SnapshotMap has strings/);
    expect(() => map.set(null as unknown as string, 1)).toThrow(/the key is null/);
    expect(map.size).toBe(0);
  });

  it('freezes what it holds, so that nothing changes under a capture', () => {
    const map = new SnapshotMap<string, { list: number[] }>();
    map.set('a', { list: [1] });
    expect(() => map.get('a')!.list.push(2)).toThrow(TypeError);
    expect(() => {
      map.get('a')!.list = [];
    }).toThrow(TypeError);
  });

  it('restores what it captured, in order, with every kind of key', async () => {
    const map = new SnapshotMap<SnapshotKey, unknown>();
    map
      .set('z', new Map([['a', 1n]]))
      .set(1, new Date(5))
      .set(2n ** 70n, Uint8Array.of(1))
      .set(true, undefined)
      .set('', null);
    const copy = await restored<SnapshotKey, unknown>(await collect(map.capture()));
    expect([...copy]).toEqual([...map]);
    expect([...(await restored(await collect(new SnapshotMap().capture())))]).toEqual([]);
  });

  it('is empty after a restore without any chunk, and has what was restored after another', async () => {
    const map = filled(3);
    await map.restore(replay([]));
    expect(map.size).toBe(0);
    await map.restore(replay(await collect(filled(2).capture())));
    expect([...map.keys()]).toEqual(['key-0', 'key-1']);
    map.set('new', 'last');
    expect([...map.keys()]).toEqual(['key-0', 'key-1', 'new']);
  });

  it('gives what it captured, though every key is changed between two chunks', async () => {
    const map = filled(20_000);
    const before = hashOf(map);
    const source = map.capture();
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.chunks()) {
      chunks.push(chunk);
      for (const key of map.keys()) map.set(key, `changed after ${chunks.length}`);
    }
    source.release();
    expect(chunks.length).toBeGreaterThan(5);
    expect(hashOf(await restored(chunks))).toBe(before);
    expect(hashOf(map)).not.toBe(before);
  });

  it.each([
    ['deleted', (map: SnapshotMap<string, string>) => [...map.keys()].forEach((key) => map.delete(key))],
    ['cleared', (map: SnapshotMap<string, string>) => map.clear()],
    [
      'deleted and set again in another order',
      (map: SnapshotMap<string, string>) => {
        for (const key of [...map.keys()].toReversed()) {
          map.delete(key);
          map.set(key, 'again');
        }
      },
    ],
  ])('gives what it captured, though all of it is %s between two chunks', async (_name, change) => {
    const map = filled(20_000);
    const before = hashOf(map);
    const source = map.capture();
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.chunks()) {
      chunks.push(chunk);
      if (chunks.length === 2) change(map);
      map.set(`new-${chunks.length}`, 'inserted');
    }
    expect(hashOf(await restored(chunks))).toBe(before);
  });

  it('keeps several captures apart under random changes, and makes the same bytes as a map at rest', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = new SeededRandom(seed);
      const map = new SnapshotMap<number, string>();
      const mirror = new Map<number, string>();
      const changeSome = (count: number): void => {
        for (let i = 0; i < count; i++) {
          const key = random.between(0, 9000);
          const kind = random.between(0, 1000);
          if (kind === 0 && random.between(0, 40) === 0) {
            map.clear();
            mirror.clear();
          } else if (kind < 300) {
            map.delete(key);
            mirror.delete(key);
          } else {
            const value = `${i}`.padEnd(40, '.');
            map.set(key, value);
            mirror.set(key, value);
          }
        }
      };
      changeSome(8000);
      const readings: {
        readonly chunks: AsyncIterator<Uint8Array>;
        readonly read: Uint8Array[];
        readonly atRest: Promise<Uint8Array[]>;
      }[] = [];
      for (let round = 0; round < 12; round++) {
        if (round % 4 === 0) {
          const still = new SnapshotMap<number, string>();
          for (const [key, value] of mirror) still.set(key, value);
          const atRest = collect(still.capture());
          readings.push({ chunks: map.capture().chunks()[Symbol.asyncIterator](), read: [], atRest });
        }
        for (const { chunks, read } of readings) {
          const step = await chunks.next();
          if (step.done !== true) read.push(step.value);
        }
        changeSome(3000);
        expect(isDeepStrictEqual([...map], [...mirror])).toBe(true);
      }
      for (const { chunks, read, atRest } of readings) {
        for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) read.push(step.value);
        expect(Buffer.concat(read).equals(Buffer.concat(await atRest))).toBe(true);
      }
    }
  });

  it('cuts a value that is larger than a chunk', async () => {
    const map = new SnapshotMap<string, unknown>();
    map.set('small', 1).set('large', new Uint8Array(300_000).fill(7)).set('text', 'é'.repeat(100_000));
    const chunks = await collect(map.capture());
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(CHUNK_LIMIT);
    expect(chunks.length).toBeGreaterThan(5);
    expect([...(await restored(chunks))]).toEqual([...map]);
  });

  it('restores chunks that were cut anew', async () => {
    const map = filled(50);
    const bytes = Buffer.concat(await collect(map.capture()));
    expect([...(await restored([...bytes].map((byte) => Uint8Array.of(byte))))]).toEqual([...map]);
    expect([...(await restored([bytes.subarray(0, 7), new Uint8Array(0), bytes.subarray(7)]))]).toEqual([...map]);
  });

  it('is as before when a restore fails', async () => {
    const map = filled(3);
    const chunks = await collect(filled(10).capture());
    const bytes = Buffer.concat(chunks);
    for (let length = 1; length < bytes.length; length++)
      await expect(map.restore(replay([bytes.subarray(0, length)]))).rejects.toThrow(/ends in the middle/);
    await expect(map.restore(replay([bytes, Buffer.of(1)]))).rejects.toThrow(/after its end/);
    await expect(map.restore(replay([Buffer.of(9)]))).rejects.toThrow(/newer version/);
    const missing = Buffer.from(bytes);
    missing[missing.length - 1] = 9;
    await expect(map.restore(replay([missing]))).rejects.toThrow(/says that it has 9 entries, and has 10/);
    await expect(
      map.restore(
        (async function* () {
          yield bytes.subarray(0, 50);
          throw new Error('the store failed');
        })(),
      ),
    ).rejects.toThrow('the store failed');
    expect([...map.keys()]).toEqual(['key-0', 'key-1', 'key-2']);
  });

  it('goes on with a capture that a restore came over', async () => {
    const map = filled(20_000);
    const before = hashOf(map);
    const chunks: Uint8Array[] = [];
    for await (const chunk of map.capture().chunks()) {
      chunks.push(chunk);
      if (chunks.length === 1) await map.restore(replay(await collect(filled(5).capture())));
    }
    expect(hashOf(await restored(chunks))).toBe(before);
    expect(map.size).toBe(5);
  });

  it('has nothing to do for a capture that was read, let go of, or left', async () => {
    const map = filled(20_000);
    const captures = (): number => (map as unknown as { readonly captures: readonly unknown[] }).captures.length;
    await collect(map.capture());
    const released = map.capture();
    released.release();
    released.release();
    for await (const _chunk of map.capture().chunks()) break;
    expect(captures()).toBe(0);
    await expect(collect(released)).rejects.toThrow('This capture was released: take a new one.');
  });

  it('stops a reader whose capture is released meanwhile', async () => {
    const source = filled(20_000).capture();
    const chunks = source.chunks()[Symbol.asyncIterator]();
    await chunks.next();
    source.release();
    await expect(chunks.next()).rejects.toThrow('This capture was released while it was read.');
  });

  it('lets the chunks of a capture be read once', async () => {
    const source = filled(1).capture();
    const first = source.chunks()[Symbol.asyncIterator]();
    await first.next();
    await expect(source.chunks()[Symbol.asyncIterator]().next()).rejects.toThrow(/can be read once/);
  });
});
