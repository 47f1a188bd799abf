import { decodeCommand } from '../../../state-machine/entries/command-envelope';
import type { CommandOutcome } from '../../../state-machine/contract';
import { encodeValue } from '../../../state-machine/codec/value-codec';
import { Chance } from '../base/chance';
import { ClientHistory } from '../histories/client-history';
import type { CommittedRegisters } from '../histories/committed-registers';
import { PathCounts } from '../base/paths';
import { SessionWorkload } from './session-workload';
import type { SimulatedNode } from '../simulated/simulated-node';
import { Trace } from '../base/trace';
import { Verdict } from '../base/violation';
import { VirtualTime } from '../base/virtual-time';

/** What a cluster answers to the n-th command that reaches it, by its number in the session. */
type Answers = (count: number, sequence: number) => { readonly value: CommandOutcome; readonly index: number };

/** One client with a session, and a cluster that answers whatever it likes. @returns the rule that it broke */
async function served(answers: Answers): Promise<string | undefined> {
  const time = new VirtualTime();
  const verdict = new Verdict();
  const world = { time, paths: new PathCounts(), trace: new Trace(time), verdict };
  let count = 0;
  const life = {
    ended: new Set(),
    process: { input: (delayMs: number, run: () => void) => time.after(delayMs, run) },
    raft: {
      openSession: () => Promise.resolve({ id: 'session', detach: () => undefined }),
      propose: (command: Uint8Array) => Promise.resolve(answers(++count, decodeCommand(command).session!.sequence)),
    },
  };
  const nodes = [{ reachable: [life] }] as unknown as SimulatedNode[];
  const registers = { checkAnswer: () => undefined } as unknown as CommittedRegisters;
  const workload = new SessionWorkload(world, new Chance(1), nodes, new ClientHistory(), registers, ['k']);
  workload.start(1);
  for (let steps = 0; steps < 500 && verdict.violation === undefined; steps++) {
    try {
      time.runNext(time.nowMs + 10_000);
    } catch {
      // The verdict has it.
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return verdict.violation?.rule;
}

const applied = (value: number): CommandOutcome => ({ status: 'applied', value: encodeValue(String(value)) });

describe('a client with a session', () => {
  it('finds nothing in a cluster that answers each command once, and repetitions as the first time', async () => {
    expect(await served((_, sequence) => ({ value: applied(sequence), index: sequence }))).toBeUndefined();
  });

  it('finds a repetition that is answered with something else', async () => {
    expect(await served((count) => ({ value: applied(count), index: count }))).toBe(
      'a repetition gets the first answer',
    );
  });

  it('finds a command that was applied before the one that was answered before it was sent', async () => {
    expect(await served(() => ({ value: applied(1), index: 7 }))).toBe(
      'the commands of a session are applied in their order',
    );
  });

  it('finds a command that is answered as a bug', async () => {
    expect(await served(() => ({ value: { status: 'failed', message: 'a bug' }, index: 1 }))).toBe(
      'no command fails by itself',
    );
  });
});
