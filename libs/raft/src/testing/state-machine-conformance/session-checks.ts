import assert from 'node:assert/strict';
import type { Entry } from '../../core/base/entry';
import { relayedCommand } from '../../state-machine/entries/command-envelope';
import type { CommandOutcome } from '../../state-machine/contract';
import { encodeSessionOperation, stampSessionTime } from '../../state-machine/entries/session-entry';
import { decodeValue } from '../../state-machine/codec/value-codec';
import type { StateMachineConformanceCheck } from './state-machine-conformance-check';
import { NONE, type StateMachineConformanceContext, type TestedMachine } from './state-machine-conformance-context';

const TTL_MS = 60_000;
const TIME_MS = 1_000_000;

function opening(context: StateMachineConformanceContext, index: number, timeMs = TIME_MS): Entry {
  const data = encodeSessionOperation({ kind: 'open', ttlMs: TTL_MS, nonce: 7 });
  stampSessionTime(data, timeMs);
  return context.entry(index, 'session', data);
}

/** @returns a machine whose first entry opened a session, and that session's id; undefined where it keeps none */
async function withSession(
  context: StateMachineConformanceContext,
): Promise<{ readonly tested: TestedMachine; readonly clientId: string } | undefined> {
  const tested = await context.create();
  const [outcome] = await tested.apply([opening(context, 1)]);
  assert.equal(outcome?.status, 'applied', 'the opening of a session is applied');
  if (outcome?.status !== 'applied' || outcome.value === undefined) return undefined;
  return { tested, clientId: decodeValue(outcome.value) as string };
}

/** The command `number` in the session, at the next index. */
function sent(
  context: StateMachineConformanceContext,
  tested: TestedMachine,
  clientId: string,
  sequence: number,
  { ackedThrough = 0, number = sequence, timeMs = TIME_MS } = {},
): Entry {
  const command = relayedCommand(context.subject.command(number), { clientId, sequence, ackedThrough });
  assert.ok(command !== undefined, 'a command of the subject has neither session nor key');
  return context.stamped(tested.lastIndex + 1, command, timeMs);
}

async function only(tested: TestedMachine, entry: Entry, wanted?: (index: number) => boolean): Promise<CommandOutcome> {
  const [outcome] = await tested.apply([entry], wanted);
  return outcome!;
}

/** A machine that keeps no sessions says so by opening none with an id; then there is nothing to hold it to. */
export const SESSION_CHECKS: readonly StateMachineConformanceCheck[] = [
  {
    name: 'applies a command of a session once, and answers repetitions as the first, whoever waited for that',
    run: async (context) => {
      const opened = await withSession(context);
      if (opened === undefined) return;
      const { tested, clientId } = opened;
      for (const [sequence, wanted] of [
        [2, undefined],
        [1, NONE],
      ] as const) {
        const first = await only(tested, sent(context, tested, clientId, sequence), wanted);
        const firstIndex = tested.lastIndex;
        const state = await context.stateOf(tested);
        const again = await only(tested, sent(context, tested, clientId, sequence));
        assert.equal(await context.stateOf(tested), state, 'a repetition changes nothing');
        assert.ok(again.status === 'applied' && again.value !== undefined, 'the first result is kept');
        assert.equal(again.firstIndex, firstIndex, 'the answer is of the first application');
        if (first.status === 'applied' && first.value !== undefined) assert.deepEqual(again.value, first.value);
      }
    },
  },
  {
    name: 'keeps sessions and their answers over a snapshot',
    run: async (context) => {
      const opened = await withSession(context);
      if (opened === undefined) return;
      const { tested, clientId } = opened;
      await only(tested, sent(context, tested, clientId, 1));
      const copy = await context.create();
      await copy.restore(tested.last, await context.chunksOf(tested));
      const [here, there] = [
        await only(tested, sent(context, tested, clientId, 1)),
        await only(copy, sent(context, copy, clientId, 1)),
      ];
      assert.deepEqual(there, here, 'the answer to a repetition');
      await context.assertSameState(copy, tested, 'after a repetition');
      assert.equal(copy.machine.nextExpiryMs?.(), tested.machine.nextExpiryMs?.(), 'what is due');
    },
  },
  {
    name: 'answers nothing at or below what the client acknowledged, and applies none of it again',
    run: async (context) => {
      const opened = await withSession(context);
      if (opened === undefined) return;
      const { tested, clientId } = opened;
      await only(tested, sent(context, tested, clientId, 1));
      await only(tested, sent(context, tested, clientId, 2, { ackedThrough: 1 }));
      const state = await context.stateOf(tested);
      assert.equal((await only(tested, sent(context, tested, clientId, 1))).status, 'sessionExpired');
      assert.equal(await context.stateOf(tested), state);
    },
  },
  {
    name: 'ends sessions by the time in entries alone, and says when the first is due',
    run: async (context) => {
      const opened = await withSession(context);
      if (opened === undefined) return;
      const { tested, clientId } = opened;
      const dueMs = tested.machine.nextExpiryMs?.();
      assert.ok(dueMs !== undefined && dueMs <= TIME_MS + TTL_MS, `the first is due at ${dueMs}`);
      const late = TIME_MS + TTL_MS - 1;
      assert.equal((await only(tested, sent(context, tested, clientId, 1, { timeMs: late }))).status, 'applied');
      await tested.apply([context.clock(tested.lastIndex + 1, late + TTL_MS)]);
      assert.equal((await only(tested, sent(context, tested, clientId, 2))).status, 'sessionExpired');
      assert.equal(tested.machine.nextExpiryMs?.(), undefined, 'nothing is due any more');
    },
  },
  {
    name: 'gives each session an id of its own, and keeps their commands apart',
    run: async (context) => {
      const opened = await withSession(context);
      if (opened === undefined) return;
      const { tested, clientId } = opened;
      const other = await only(tested, opening(context, tested.lastIndex + 1));
      const otherId = other.status === 'applied' ? decodeValue(other.value!) : undefined;
      assert.notEqual(otherId, clientId);
      for (const id of [clientId, otherId as string]) {
        const outcome = await only(tested, sent(context, tested, id, 1, { number: tested.lastIndex }));
        assert.ok(outcome.status === 'applied' && outcome.firstIndex === undefined, 'each is applied for itself');
      }
    },
  },
];
