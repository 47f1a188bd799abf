import type { Effects } from '../../core/base/effects';
import { makeEntry } from '../../core/base/entry';
import { InvariantError } from '../../core/base/invariant';
import type { Kernel } from '../../core/base/kernel-api';
import type { Message } from '../../core/base/messages';
import { SeededRandom } from '../../core/base/random';
import { MachineClock, SimulatedScheduler } from '../../testing/simulator/simulated/simulated-scheduler';
import { SimulatedProcess } from '../../testing/simulator/simulated/simulated-process';
import { VirtualTime } from '../../testing/simulator/base/virtual-time';
import { KernelDriver } from './kernel-driver';

const NOTHING: Effects = {
  sendNow: [],
  persist: undefined,
  sendAfterPersist: [],
  apply: [],
  loads: [],
  reads: [],
  refusedReads: [],
  snapshotWanted: undefined,
  status: undefined,
  configuration: undefined,
};

/** A kernel whose effects the test hands out. */
class ScriptedKernel {
  readonly inputs: string[] = [];
  readonly effects: Effects[] = [];
  fault: Error | undefined;

  step(): void {
    this.note('step');
  }
  persisted(number: number): void {
    this.note(`persisted ${number}`);
  }
  applied(index: number): void {
    this.note(`applied ${index}`);
  }
  hasEffects(): boolean {
    return this.effects.length > 0;
  }
  takeEffects(): Effects {
    return this.effects.shift()!;
  }
  private note(input: string): void {
    if (this.fault !== undefined) throw this.fault;
    this.inputs.push(input);
  }
}

const message = (kind: string): Message => ({ kind }) as unknown as Message;

function setUp() {
  const time = new VirtualTime();
  const process = new SimulatedProcess(time, 'n1', () => undefined);
  const scheduler = new SimulatedScheduler(process, new MachineClock(time, 1, 0, 0), new SeededRandom(1));
  const kernel = new ScriptedKernel();
  const done: string[] = [];
  const driver = new KernelDriver(
    kernel as unknown as Kernel,
    scheduler,
    {
      send: ({ kind }) => done.push(`send ${kind}`),
      persist: ({ number }) => done.push(`persist ${number}`),
      apply: (entries) => done.push(`apply to ${entries.at(-1)!.index}`),
      load: () => done.push('load'),
      confirmed: () => done.push('confirmed'),
      snapshotWanted: () => undefined,
      refused: () => done.push('refused'),
      statusChanged: () => done.push('status'),
      configurationChanged: () => done.push('configuration'),
      fatal: (error) => done.push(`fatal ${(error as Error).message}`),
    },
    4,
  );
  const turn = (): void => {
    while (time.runNext(time.nowMs)) continue;
  };
  return { driver, kernel, done, turn };
}

describe('KernelDriver', () => {
  it('steps inputs at once, and carries out their effects together, behind all of one turn', () => {
    const { driver, kernel, done, turn } = setUp();
    kernel.effects.push({ ...NOTHING, sendNow: [message('heartbeat')] });
    driver.step(message('appendEntries'));
    driver.step(message('appendEntries'));
    expect(kernel.inputs).toEqual(['step', 'step']);
    expect(done).toEqual([]);
    turn();
    expect(done).toEqual(['send heartbeat']);
  });

  it('holds back what says something durable until its batch has landed, and keeps its order', () => {
    const { driver, kernel, done, turn } = setUp();
    kernel.effects.push({
      ...NOTHING,
      sendNow: [message('appendEntries')],
      persist: { number: 5, commitIndex: 0, entries: [] },
      sendAfterPersist: [
        { after: 5, message: message('requestVoteReply') },
        { after: 5, message: message('appendEntriesReply') },
      ],
    });
    driver.step(message('requestVote'));
    turn();
    expect(done).toEqual(['send appendEntries', 'persist 5']);
    kernel.effects.push({ ...NOTHING, sendAfterPersist: [{ after: 4, message: message('preVoteReply') }] });
    driver.step(message('preVote'));
    turn();
    expect(done.slice(2)).toEqual(['send preVoteReply']);
    driver.persisted(5);
    expect(done.slice(3)).toEqual(['send requestVoteReply', 'send appendEntriesReply']);
    expect(kernel.inputs.at(-1)).toBe('persisted 5');
  });

  it('does not release with one batch what waits for a later one', () => {
    const { driver, kernel, done, turn } = setUp();
    kernel.effects.push({
      ...NOTHING,
      sendAfterPersist: [
        { after: 6, message: message('appendEntriesReply') },
        { after: 5, message: message('requestVoteReply') },
      ],
    });
    driver.start();
    turn();
    driver.persisted(5);
    expect(done).toEqual(['send requestVoteReply']);
    driver.persisted(6);
    expect(done).toEqual(['send requestVoteReply', 'send appendEntriesReply']);
  });

  it('knows a new configuration before it sends, and the new leader before it refuses reads', () => {
    const { driver, kernel, done, turn } = setUp();
    const status = { role: 'follower', term: 2, leader: 3, committedInTerm: false } as const;
    kernel.effects.push({
      ...NOTHING,
      sendNow: [message('heartbeat')],
      configuration: { index: 1 } as Effects['configuration'],
      status,
      refusedReads: [{ context: 1 }],
      apply: [makeEntry(7, 2, { kind: 'noop', schemaVersion: 0, data: new Uint8Array(0) })],
    });
    driver.start();
    turn();
    expect(done).toEqual(['configuration', 'send heartbeat', 'apply to 7', 'status', 'refused']);
  });

  it('stops at what must not be: no input and no effect any more', () => {
    const { driver, kernel, done, turn } = setUp();
    kernel.effects.push({ ...NOTHING, sendNow: [message('heartbeat')] });
    driver.step(message('appendEntries'));
    kernel.fault = new InvariantError('a conflict below the commit index');
    driver.step(message('appendEntries'));
    turn();
    expect(done).toEqual(['fatal a conflict below the commit index']);
    kernel.fault = undefined;
    driver.applied(3);
    driver.persisted(5);
    turn();
    expect(kernel.inputs).toEqual(['step']);
    expect(done).toHaveLength(1);
  });

  it('does nothing after it was closed', () => {
    const { driver, kernel, done, turn } = setUp();
    kernel.effects.push({ ...NOTHING, sendAfterPersist: [{ after: 5, message: message('requestVoteReply') }] });
    driver.start();
    turn();
    driver.close();
    driver.persisted(5);
    driver.step(message('appendEntries'));
    turn();
    expect(done).toEqual([]);
    expect(kernel.inputs).toEqual([]);
  });
});
