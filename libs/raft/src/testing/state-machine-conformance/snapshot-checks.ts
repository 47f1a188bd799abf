import assert from 'node:assert/strict';
import type { StateMachineConformanceCheck } from './state-machine-conformance-check';
import { readChunks } from './state-machine-conformance-context';

const MAX_CHUNK_BYTES = 64 * 1024;

/** Enough for a state that takes more than one chunk, if a command adds some bytes to it. */
const MANY = 6000;

export const SNAPSHOT_CHECKS: readonly StateMachineConformanceCheck[] = [
  {
    name: 'restores what it captured: state, index and time, and goes on alike',
    run: async (context) => {
      const original = await context.createWith(context.commands(1, 20));
      const copy = await context.create();
      await copy.restore(original.last, await context.chunksOf(original));
      assert.deepEqual((await copy.machine.applied()).last, original.last);
      await context.assertSameState(copy, original, 'after the restore');
      const more = context.commands(21, 30);
      assert.deepEqual(await copy.apply(more), await original.apply(more), 'what follows has the same outcomes');
      await context.assertSameState(copy, original, 'after what follows');
    },
  },
  {
    name: 'restores the state of a machine that nothing was applied to',
    run: async (context) => {
      const original = await context.create();
      const copy = await context.create();
      await copy.restore(original.last, await context.chunksOf(original));
      await context.assertSameState(copy, original, 'empty');
    },
  },
  {
    name: 'replaces the whole state by a restore',
    run: async (context) => {
      const original = await context.createWith(context.commands(1, 4));
      const other = await context.createWith(
        context.commands(101, 101 + 8).map((entry, i) => ({ ...entry, index: i + 1 })),
      );
      await other.restore(original.last, await context.chunksOf(original));
      await context.assertSameState(other, original, 'nothing of the old state is left');
    },
  },
  {
    name: 'captures a state that no later command changes',
    run: async (context) => {
      const tested = await context.createWith(context.commands(1, 10));
      const then = await context.createWith(context.commands(1, 10));
      const source = await tested.machine.capture();
      await tested.apply(context.commands(11, 30));
      const copy = await context.create();
      await copy.restore(then.last, await readChunks(source));
      await context.assertSameState(copy, then, 'as it was at the capture');
    },
  },
  {
    name: 'captures a large state in chunks of at most 64 KiB, while commands go on between them',
    run: async (context) => {
      const tested = await context.createWith(context.commands(1, MANY));
      const then = { state: await context.stateOf(tested), last: tested.last };
      const source = await tested.machine.capture();
      const chunks: Uint8Array[] = [];
      for await (const chunk of source.chunks()) {
        chunks.push(chunk);
        if (chunks.length < 10) await tested.apply(context.commands(tested.lastIndex + 1, tested.lastIndex + 200));
      }
      source.release();
      assert.ok(Math.max(...chunks.map(({ length }) => length)) <= MAX_CHUNK_BYTES, 'a chunk is too large');
      const copy = await context.create();
      await copy.restore(then.last, chunks);
      assert.equal(await context.stateOf(copy), then.state);
    },
  },
  {
    name: 'keeps several captures apart, and lets go of one that nobody reads',
    run: async (context) => {
      const tested = await context.create();
      const sources = [];
      for (let index = 1; index <= 3; index++) {
        await tested.apply(context.commands(index, index));
        sources.push({
          source: await tested.machine.capture(),
          last: tested.last,
          state: await context.stateOf(tested),
        });
      }
      await tested.apply(context.commands(4, 9));
      sources[1]!.source.release();
      for (const { source, last, state } of [sources[2]!, sources[0]!]) {
        const copy = await context.create();
        await copy.restore(last, await readChunks(source));
        assert.equal(await context.stateOf(copy), state, `the capture at ${last.index}`);
      }
    },
  },
  {
    name: 'refuses a snapshot whose end, middle or bytes are missing or changed',
    run: async (context) => {
      const original = await context.createWith(context.commands(1, 50));
      const chunks = await context.chunksOf(original);
      const damaged: [string, Uint8Array[]][] = [
        ['without its end', chunks.slice(0, -1)],
        ['without its beginning', chunks.slice(1)],
        ['without a byte', [...chunks.slice(0, -1), chunks.at(-1)!.slice(0, -1)]],
        ['with an end that comes twice', [...chunks, chunks.at(-1)!]],
      ];
      for (const [at, chunk] of chunks.entries()) {
        const changed = chunk.slice();
        changed[changed.length >> 1]! ^= 1;
        damaged.push([`with a bit changed in chunk ${at}`, chunks.with(at, changed)]);
      }
      for (const [what, bytes] of damaged) {
        const copy = await context.create();
        await assert.rejects(copy.restore(original.last, bytes), `a snapshot ${what}`);
      }
    },
  },
  {
    name: 'restores well after a restore that failed',
    run: async (context) => {
      const original = await context.createWith(context.commands(1, 50));
      const chunks = await context.chunksOf(original);
      const copy = await context.create();
      await assert.rejects(copy.restore(original.last, chunks.slice(0, -1)));
      await copy.restore(original.last, chunks);
      await context.assertSameState(copy, original, 'after the second restore');
    },
  },
  {
    name: 'refuses a snapshot of another entry',
    run: async (context) => {
      const original = await context.createWith(context.commands(1, 5));
      const chunks = await context.chunksOf(original);
      const copy = await context.create();
      await assert.rejects(copy.restore({ term: 3, index: 6 }, chunks));
      await assert.rejects(copy.restore({ term: 4, index: 5 }, chunks));
    },
  },
];
