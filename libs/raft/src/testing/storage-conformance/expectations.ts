import { strict as assert } from 'node:assert';
import type { Entry } from '../../core/base/entry';
import type { LoadedGroup, RaftStorage } from '../../storage/contract';
import { ALPHA } from './sample-writes';

/** Bytes may come as a Buffer or as a plain array of bytes: only their values count. */
function plain(found: readonly Entry[]): object[] {
  return found.map((entry) => ({ ...entry, data: Buffer.from(entry.data).toString('hex') }));
}

export function expectEntries(found: readonly Entry[], expected: readonly Entry[]): void {
  assert.deepEqual(plain(found), plain(expected));
}

/** Reads the log from `from` on, page by page, as the runtime does. */
export async function readLog(storage: RaftStorage, from: number, to: number, group = ALPHA): Promise<Entry[]> {
  const found: Entry[] = [];
  for (let next = from; next <= to;) {
    const page = await storage.entries(group, next, to, 1 << 20);
    if (page.length === 0) break;
    found.push(...page);
    next += page.length;
  }
  return found;
}

export async function expectLog(storage: RaftStorage, expected: readonly Entry[], group = ALPHA): Promise<void> {
  const from = expected[0]?.index ?? 1;
  expectEntries(await readLog(storage, from, from + expected.length, group), expected);
}

export async function loaded(storage: RaftStorage, group = ALPHA): Promise<LoadedGroup> {
  const state = await storage.load(group);
  assert.ok(state, `group '${group}' isn't there`);
  return state;
}

/** Rejects with an error of that name: by name, as a user's store may come with another copy of this package. */
export async function expectRejection(task: Promise<unknown>, name?: string): Promise<void> {
  const outcome = await task.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof Error, `it should have failed${name ? ` with ${name}` : ''}, and was fulfilled`);
  if (name) assert.equal(outcome.name, name, outcome.message);
}

export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read).toString('hex');
}
