import { makeEntry } from '../../core/base/entry';
import { RaftError } from '../../errors/raft-error';
import { SeededRandom } from '../../core/base/random';
import { MachineClock, SimulatedScheduler } from '../../testing/simulator/simulated/simulated-scheduler';
import { SimulatedProcess } from '../../testing/simulator/simulated/simulated-process';
import { VirtualTime } from '../../testing/simulator/base/virtual-time';
import { PendingRequest } from './pending-request';
import type { RequestKind } from '../base/request-kind';
import { RequestTable } from './request-table';
import { Waiters } from './waiters';

const APPLIED = { status: 'applied', value: undefined } as const;
const entry = (index: number, term: number) =>
  makeEntry(index, term, { kind: 'noop', schemaVersion: 0, data: new Uint8Array(0) });

function setUp() {
  const time = new VirtualTime();
  const process = new SimulatedProcess(time, 'n1', () => undefined);
  const scheduler = new SimulatedScheduler(process, new MachineClock(time, 1, 0, 0), new SeededRandom(1));
  const ledger = new RequestTable(scheduler);
  const answers: string[] = [];
  const names = new Map<PendingRequest, string>();
  const waiters = new Waiters(
    ledger,
    (request) => answers.push(`${names.get(request)} replaced`),
    (request, result) => ledger.succeed(request, result),
  );
  const request = (name: string, timeoutMs = 100, kind: RequestKind = 'propose'): PendingRequest => {
    const made = new PendingRequest(
      {
        kind,
        body: new Uint8Array(1),
        schemaVersion: 0,
        consistency: 'linearizable',
        mayForward: true,
        timeoutMs,
      },
      ({ index }) => answers.push(`${name} applied at ${index}`),
      ({ code }) => answers.push(`${name} ${code}`),
    );
    names.set(made, name);
    ledger.open(made);
    return made;
  };
  return { ledger, waiters, answers, request };
}

describe('Waiters', () => {
  it('trap 37: answers by index and term, because another command may have taken the place', () => {
    const { waiters, answers, request } = setUp();
    waiters.add(request('mine'), { index: 7, term: 2 });
    waiters.add(request('lost'), { index: 8, term: 2 });
    waiters.decide(entry(7, 2), APPLIED);
    waiters.decide(entry(8, 3), APPLIED);
    expect(answers).toEqual(['mine applied at 7', 'lost replaced']);
    expect(waiters.size).toBe(0);
  });

  it('trap 37: leaves nobody waiting for what a snapshot took the place of, and calls none of it refused', () => {
    const { waiters, answers, request } = setUp();
    waiters.add(request('earlier life'), { index: 7, term: 2 });
    waiters.add(request('here'), { index: 7, term: 3 });
    waiters.add(request('behind it'), { index: 9, term: 3 });

    waiters.passedOver(8, () => new RaftError('RAFT_INDETERMINATE', 'a snapshot took the place of the log'));

    expect(answers.sort()).toEqual(['earlier life RAFT_INDETERMINATE', 'here RAFT_INDETERMINATE']);
    expect([waiters.size, waiters.has(9)]).toEqual([1, true]);
  });

  it('trap 37: asks again for what a snapshot took the place of, where the state machine tells a repetition', () => {
    const { waiters, answers, request } = setUp();
    const repeatable = request('mine', 100, 'session');
    waiters.add(repeatable, { index: 7, term: 2 });

    waiters.passedOver(8, () => new RaftError('RAFT_INDETERMINATE', 'a snapshot took the place of the log'));

    expect(answers).toEqual(['mine replaced']);
    // Nobody may call it not applied from now on: the first time may count.
    expect(repeatable.unresolvedSends).toBe(1);
  });

  it('keeps several calls of one index apart: an earlier leadership left one behind', () => {
    const { waiters, answers, request } = setUp();
    waiters.add(request('old'), { index: 7, term: 2 });
    waiters.add(request('new'), { index: 7, term: 4 });
    expect(waiters.has(7)).toBe(true);
    waiters.decide(entry(7, 4), APPLIED);
    expect(answers.sort()).toEqual(['new applied at 7', 'old replaced']);
  });

  it('answers a call once: what is decided behind its deadline is not news any more', () => {
    const { ledger, waiters, answers, request } = setUp();
    waiters.add(request('late'), { index: 7, term: 2 });
    ledger.expire(200);
    waiters.decide(entry(7, 2), APPLIED);
    expect(answers).toEqual(['late RAFT_TIMEOUT']);
  });
});

describe('RequestTable', () => {
  it('answers a deadline by what may have happened: a time-out for a command in a log, no leader for one that is in none', () => {
    const { ledger, waiters, answers, request } = setUp();
    waiters.add(request('in the log', 100), { index: 7, term: 2 });
    request('parked', 100);
    request('patient', 30_000);
    ledger.expire(99);
    expect(answers).toEqual([]);
    ledger.expire(100);
    expect(answers.sort()).toEqual(['in the log RAFT_TIMEOUT', 'parked RAFT_NO_LEADER']);
    expect(ledger.size).toBe(1);
    for (let nowMs = 120; nowMs < 30_000; nowMs += 20) ledger.expire(nowMs);
    expect(ledger.size).toBe(1);
    ledger.expire(30_000);
    expect(ledger.size).toBe(0);
  });

  it('expires in time what was opened with no time at all, and after a long pause', () => {
    const { ledger, answers, request } = setUp();
    ledger.expire(5000);
    request('no time', 0);
    ledger.expire(5000);
    expect(answers).toEqual(['no time RAFT_NO_LEADER']);
    request('slept through', 40_000);
    ledger.expire(500_000);
    expect(answers).toHaveLength(2);
  });

  it('tells once when nothing waits any more', () => {
    const { ledger, request } = setUp();
    const one = request('one');
    let idle = 0;
    ledger.whenIdle(() => idle++);
    expect(idle).toBe(0);
    ledger.succeed(one, { value: APPLIED, index: 1 });
    ledger.succeed(one, { value: APPLIED, index: 1 });
    expect(idle).toBe(1);
  });
});
