import { simulate, type SeedResult } from 'nestjs-raft/testing';
import { RaftLog } from '../../libs/raft/src/core/log/log';
import { ClusterAdmin } from '../../libs/raft/src/runtime/membership/cluster-admin';
import { BootHistory } from '../../libs/raft/src/runtime/store/boot-history';
import { RaftNode } from '../../libs/raft/src/runtime/node/raft-node';
import { Ticker } from '../../libs/raft/src/runtime/base/ticker';
import { CommandRunner } from '../../libs/raft/src/state-machine/host/command-runner';
import { decodeQuery } from '../../libs/raft/src/state-machine/entries/query-envelope';
import { StateMachineHost } from '../../libs/raft/src/state-machine/host/state-machine-host';
import { encodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';

const SEEDS = 12;

/** What the first seed finds that finds something; most do. */
async function found(): Promise<SeedResult['violation']> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violation } = await simulate(seed);
    if (violation !== undefined) return violation;
  }
  return undefined;
}

/** What no step of a cluster shows, but its beginning, its calls and its end do. */
describe('a run whose product is broken on purpose', () => {
  afterEach(() => jest.restoreAllMocks());

  it.each<[rule: string, mistake: string, make: () => void]>([
    [
      'stopping never fails',
      'a stop is rejected',
      () => jest.spyOn(RaftNode.prototype, 'stop').mockRejectedValue(new Error('it will not')),
    ],
    [
      'stopping is bounded in time',
      'a stop never ends',
      () => jest.spyOn(RaftNode.prototype, 'stop').mockReturnValue(new Promise(() => undefined)),
    ],
    [
      'only the store keeps a node from starting',
      'a start is rejected for another reason',
      () => jest.spyOn(RaftNode.prototype, 'start').mockRejectedValue(new Error('not today')),
    ],
    [
      'no node fails',
      'a state machine throws',
      () => jest.spyOn(StateMachineHost.prototype, 'apply').mockRejectedValue(new Error('out of paper')),
    ],
    [
      'only a wiped node is quarantined',
      'a store that is whole counts as one in quarantine',
      () => jest.spyOn(BootHistory.prototype, 'quarantine', 'get').mockReturnValue('it looks old'),
    ],
    [
      'every failure has a code',
      'a call is refused with an error of no kind',
      () => jest.spyOn(RaftNode.prototype, 'propose').mockRejectedValue(new Error('something went wrong')),
    ],
    [
      'no command fails by itself',
      'a command is answered as a bug',
      () => jest.spyOn(CommandRunner.prototype, 'run').mockReturnValue({ status: 'failed', message: 'a bug' }),
    ],
    [
      'a transfer ends or is refused with a code',
      'a transfer is refused with an error of no kind',
      () => jest.spyOn(ClusterAdmin.prototype, 'transfer').mockRejectedValue(new Error('something went wrong')),
    ],
    [
      'a change of the membership ends or is refused with a code',
      'a change is refused with an error of no kind',
      () => jest.spyOn(ClusterAdmin.prototype, 'change').mockRejectedValue(new Error('something went wrong')),
    ],
    [
      'a healed cluster converges',
      'nobody ever gets a vote',
      () => jest.spyOn(RaftLog.prototype, 'isUpToDate').mockReturnValue(false),
    ],
    [
      'all nodes hold what was committed',
      'a node’s state has nothing in the end',
      () => {
        const { query } = StateMachineHost.prototype;
        jest.spyOn(StateMachineHost.prototype, 'query').mockImplementation(function (this: StateMachineHost, bytes) {
          const isLast = decodeQuery(bytes).query === 'everything';
          return isLast ? Promise.resolve({ status: 'applied', value: encodeValue([]) }) : query.call(this, bytes);
        });
      },
    ],
    [
      'no rejection is left unhandled',
      'a rejection is dropped',
      () => {
        // Jest would take a real one for its own.
        const listened = jest.spyOn(process, 'on');
        const { query } = StateMachineHost.prototype;
        jest.spyOn(StateMachineHost.prototype, 'query').mockImplementation(function (this: StateMachineHost, bytes) {
          const [, unhandled] = listened.mock.calls.findLast(([event]) => event === 'unhandledRejection')!;
          unhandled(new Error('nobody listens'));
          return query.call(this, bytes);
        });
      },
    ],
    [
      'nothing throws',
      'a timer throws',
      () =>
        jest.spyOn(Ticker.prototype, 'due').mockImplementation(() => {
          throw new Error('no time');
        }),
    ],
  ])(
    'finds by the rule ‘%s’ that %s',
    async (rule, _mistake, make) => {
      make();
      expect((await found())?.rule).toBe(rule);
    },
    600_000,
  );
});
