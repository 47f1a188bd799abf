import { RaftError } from '../../errors/raft-error';
import { SeededRandom } from '../../core/base/random';
import type { ReplicatedStateMachine } from '../../state-machine/contract';
import { MachineClock, SimulatedScheduler } from '../../testing/simulator/simulated/simulated-scheduler';
import { SimulatedProcess } from '../../testing/simulator/simulated/simulated-process';
import { VirtualTime } from '../../testing/simulator/base/virtual-time';
import { PendingRequest } from '../requests/pending-request';
import type { RequestKind } from '../base/request-kind';
import { Reads } from './reads';
import { RequestTable } from '../requests/request-table';
import { StoreOwnershipProof } from '../store/store-ownership-proof';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const time = new VirtualTime();
  const process = new SimulatedProcess(time, 'n1', () => undefined);
  const scheduler = new SimulatedScheduler(process, new MachineClock(time, 1, 0, 0), new SeededRandom(1));
  const requests = new RequestTable(scheduler);
  const proof = new StoreOwnershipProof(scheduler, 500);
  const asked: number[] = [];
  const answers: string[] = [];
  const state = { appliedIndex: 0 };
  const machine = { query: () => Promise.resolve({ status: 'applied' as const, value: undefined }) };
  const reads = new Reads(
    {
      requests,
      returns: { retry: () => undefined },
      machine: machine as unknown as ReplicatedStateMachine,
      proof,
      renewProof: () => undefined,
      requestRead: (context) => asked.push(context),
      appliedIndex: () => state.appliedIndex,
      ageMs: () => undefined,
    },
    0,
  );
  const call = (name: string, kind: RequestKind = 'barrier'): PendingRequest => {
    const request = new PendingRequest(
      {
        kind,
        body: new Uint8Array(0),
        schemaVersion: 0,
        consistency: 'linearizable',
        mayForward: true,
        timeoutMs: 1000,
      },
      ({ index }) => answers.push(`${name}: ${index}`),
      ({ code }) => answers.push(`${name}: ${code}`),
    );
    requests.open(request);
    return request;
  };
  const giveUp = (request: PendingRequest): void => requests.fail(request, new RaftError('RAFT_TIMEOUT', 'too late'));
  return { reads, call, giveUp, asked, answers, proof, state };
}

describe('Reads', () => {
  it.each([
    ['while its round goes', () => undefined],
    ['while it waits for a proof', ({ reads, asked }) => reads.confirmed([{ context: asked[0]!, index: 5 }])],
    [
      'while it waits for entries to be applied',
      ({ reads, asked, proof }) => {
        proof.proved(0);
        reads.confirmed([{ context: asked[0]!, index: 5 }]);
      },
    ],
  ] satisfies [string, (parts: ReturnType<typeof setUp>) => void][])(
    'keep nothing of a call that is settled %s',
    (_when, bringOn) => {
      const parts = setUp();
      const { reads, call, giveUp, answers } = parts;
      const request = call('a');
      reads.begin(request);
      bringOn(parts);
      expect(reads.size).toBe(1);
      giveUp(request);
      expect(reads.size).toBe(0);
      expect(answers).toEqual(['a: RAFT_TIMEOUT']);
    },
  );

  it('keep nothing of a call of another node’s round that is settled before its index is applied', () => {
    const { reads, call, giveUp } = setUp();
    const request = call('a');
    reads.awaitApplied(request, 7);
    giveUp(request);
    expect(reads.size).toBe(0);
  });

  it('answer in order of arrival as entries are applied, without those that gave up', async () => {
    const { reads, call, giveUp, answers, state } = setUp();
    const [first, second, third] = [call('first', 'query'), call('second'), call('third')];
    reads.awaitApplied(first, 3);
    reads.awaitApplied(second, 4);
    reads.awaitApplied(third, 5);
    giveUp(second);
    state.appliedIndex = 4;
    reads.applied(4);
    await settle();
    expect(answers).toEqual(['second: RAFT_TIMEOUT', 'first: 4']);
    state.appliedIndex = 5;
    reads.applied(5);
    expect(answers.at(-1)).toBe('third: 5');
    expect(reads.size).toBe(0);
  });
});
