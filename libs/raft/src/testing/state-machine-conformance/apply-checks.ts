import assert from 'node:assert/strict';
import { ENTRY_FORMAT, type Entry } from '../../core/base/entry';
import type { CommandOutcome } from '../../state-machine/contract';
import type { StateMachineConformanceCheck } from './state-machine-conformance-check';
import { ALL, NONE } from './state-machine-conformance-context';

/** Without what is encoded only where somebody waits. */
const withoutValue = (outcome: CommandOutcome): CommandOutcome =>
  outcome.status === 'applied' ? { status: 'applied', value: undefined } : outcome;

export const APPLY_CHECKS: readonly StateMachineConformanceCheck[] = [
  {
    name: 'begins before the first entry, and at time 0',
    run: async (context) => {
      const { machine } = await context.create();
      assert.deepEqual((await machine.applied()).last, { term: 0, index: 0 });
      assert.equal(machine.clusterTimeMs(), 0);
    },
  },
  {
    name: 'answers one outcome for each entry of every kind that it has to know',
    run: async (context) => {
      const tested = await context.create();
      const outcomes = await tested.apply([
        context.entry(1, 'noop'),
        context.entry(2, 'configuration', Uint8Array.of(1)),
        context.entry(3, 'clusterVersion', Uint8Array.of(1)),
        context.clock(4, 500),
        ...context.commands(5, 6),
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        Array.from({ length: 6 }, () => 'applied'),
      );
    },
  },
  {
    name: 'takes no entries as none',
    run: async (context) => {
      const tested = await context.createWith(context.commands(1, 3));
      const before = await context.stateOf(tested);
      await tested.apply([]);
      assert.equal(await context.stateOf(tested), before);
    },
  },
  {
    name: 'makes the same state and outcomes of the same log, whatever the batches and whoever waits',
    run: async (context) => {
      const log: Entry[] = [
        ...context.commands(1, 10),
        context.stamped(11, context.subject.refusedCommand()),
        context.stamped(12, context.subject.failingCommand()),
        ...context.commands(13, 20),
      ];
      const [together, single, unwanted] = [await context.create(), await context.create(), await context.create()];
      await together.apply(log);
      for (const entry of log) await single.apply([entry]);
      await unwanted.apply(log.slice(0, 7), NONE);
      await unwanted.apply(log.slice(7), NONE);
      assert.deepEqual(single.outcomes, together.outcomes, 'each result is that of its own moment');
      assert.deepEqual(unwanted.outcomes.map(withoutValue), together.outcomes.map(withoutValue));
      await context.assertSameState(single, together, 'one by one or together');
      await context.assertSameState(unwanted, together, 'waited for or not');
    },
  },
  {
    name: 'encodes a result where somebody waits for it, and only there',
    run: async (context) => {
      const tested = await context.create();
      const outcomes = await tested.apply(context.commands(1, 4), (index) => index === 3);
      const encoded = outcomes.map((outcome) => outcome.status === 'applied' && outcome.value !== undefined);
      assert.deepEqual(encoded, [false, false, true, false]);
    },
  },
  {
    name: 'answers a refusal with its reason and details, and goes on',
    run: async (context) => {
      const tested = await context.createWith(context.commands(1, 2));
      const before = await context.stateOf(tested);
      const [outcome] = await tested.apply([context.stamped(3, context.subject.refusedCommand())], NONE);
      assert.ok(outcome?.status === 'rejected', `a refusal is ${JSON.stringify(outcome)}`);
      assert.ok(outcome.reason.length > 0);
      assert.notEqual(outcome.details, undefined, 'the details are there though nobody waits');
      assert.equal(await context.stateOf(tested), before);
      await tested.apply(context.commands(4, 5));
    },
  },
  {
    name: 'answers a bug alike everywhere, and goes on',
    run: async (context) => {
      const [left, right] = [await context.create(), await context.create()];
      const failing = context.stamped(1, context.subject.failingCommand());
      const [outcome] = await left.apply([failing], ALL);
      assert.equal(outcome?.status, 'failed');
      assert.deepEqual(await right.apply([failing], NONE), [outcome]);
      await left.apply(context.commands(2, 3));
    },
  },
  {
    name: 'stops at a command that it does not have, and skips nothing',
    run: async (context) => {
      const tested = await context.createWith(context.commands(1, 1));
      const unknown = context.stamped(2, context.subject.unknownCommand());
      await assert.rejects(tested.machine.apply([unknown], ALL));
      await assert.rejects(tested.machine.apply(context.commands(3, 3), ALL), 'what follows it');
    },
  },
  {
    name: 'stops at an entry of a newer format',
    run: async (context) => {
      const { machine } = await context.create();
      const [entry] = context.commands(1, 1);
      await assert.rejects(machine.apply([{ ...entry!, format: ENTRY_FORMAT + 1 }], ALL));
    },
  },
  {
    name: 'stops at a gap, and at an entry that it has had',
    run: async (context) => {
      for (const index of [5, 2]) {
        const { machine } = await context.createWith(context.commands(1, 3));
        await assert.rejects(machine.apply(context.commands(index, index), ALL), `entry ${index} behind 3`);
      }
    },
  },
  {
    name: 'never sets the time of the cluster back',
    run: async (context) => {
      const tested = await context.create();
      const { machine } = tested;
      await tested.apply([context.stamped(1, context.subject.command(1), 5000)]);
      assert.equal(machine.clusterTimeMs(), 5000);
      await tested.apply([context.stamped(2, context.subject.command(2), 4000), context.clock(3, 3000)]);
      assert.equal(machine.clusterTimeMs(), 5000);
      await tested.apply([context.clock(4, 9000), context.entry(5, 'noop')]);
      assert.equal(machine.clusterTimeMs(), 9000);
    },
  },
  {
    name: 'answers queries without changing anything, and malformed ones without stopping',
    run: async (context) => {
      const tested = await context.createWith(context.commands(1, 5));
      const before = await context.stateOf(tested);
      assert.equal(await context.stateOf(tested), before);
      const outcome = await tested.machine.query(Uint8Array.of(1, 2, 3));
      assert.equal(outcome.status, 'failed');
      assert.deepEqual(await tested.apply(context.commands(6, 6)), await lastOutcome(context.commands(1, 6)));

      async function lastOutcome(log: readonly Entry[]): Promise<readonly CommandOutcome[]> {
        return (await context.createWith(log)).outcomes.slice(-1);
      }
    },
  },
];
