import type { ReplicaProgress } from '../../core/base/kernel-api';
import { initialConfiguration } from '../../core/membership/membership';
import type { RaftError } from '../../errors/raft-error';
import type { BootHistory } from '../store/boot-history';
import { Rejoining } from './rejoining';
import type { Replica } from '../replica/replica';
import type { Scheduler } from '../base/scheduler';

const MINUTE = 60_000;
const configuration = initialConfiguration(
  ['n1', 'n2', 'n3'].map((name) => ({ name, peer: `${name}:7001`, http: '', incarnation: `store of ${name}` })),
);

/** What the leader n1 judges by: n2 was heard so long ago, and n3 holds so much of a log that is committed up to 10. */
function setUp(silentMs = 30_000, match = 10) {
  let nowMs = 1_000_000;
  let replacedAtMs: number | undefined;
  const progress = (): Partial<ReplicaProgress>[] => [
    { id: 2, silentMs, matchIndex: 7 },
    { id: 3, silentMs: 10, matchIndex: match },
  ];
  const kernel = { configuration: { index: 0, configuration }, commitIndex: 10, progress };
  const replica = { replicaId: 1, kernel } as unknown as Replica;
  const rejoining = new Rejoining({
    scheduler: { nowMs: () => nowMs, wallMs: () => nowMs } as Scheduler,
    electionTimeoutMs: 1000,
    boots: () =>
      ({
        replacedAtMs,
        noteReplacement: (wallMs: number) => void (replacedAtMs = wallMs),
      }) as Partial<BootHistory> as BootHistory,
  });
  const refusal = (name = 'n2'): string | undefined => {
    try {
      rejoining.requireAllowed(replica, name, 'another store');
      return undefined;
    } catch (error) {
      return (error as RaftError).message;
    }
  };
  return { rejoining, refusal, pass: (ms: number) => void (nowMs += ms) };
}

/** n3 comes under its name with another store, by joining and leaving its old replica behind. */
function replaceThird(rejoining: Rejoining): void {
  const again = { ...configuration.members[2]!, id: 4, incarnation: 'a new store of n3' };
  rejoining.configurationChanged(configuration);
  rejoining.configurationChanged({ ...configuration, members: [...configuration.members, again], nextReplicaId: 5 });
  const members = [...configuration.members.slice(0, 2), again];
  rejoining.configurationChanged({ ...configuration, members, voters: [1, 2, 4], nextReplicaId: 5 });
}

describe('an empty store that asks for the place of its old replica', () => {
  it('gets it where that has been silent for half a minute, and not a moment earlier', () => {
    expect(setUp(30_000).refusal()).toBeUndefined();
    expect(setUp(29_999).refusal()).toMatch(/heard 29 s ago, and must be silent for 30 s/);
  });

  it('waits until the other voters have all that is committed', () => {
    expect(setUp(30_000, 9).refusal()).toMatch(/'n3' doesn't/);
  });

  it('waits for ten minutes after the end of a replacement, whoever asked for that one', () => {
    const { rejoining, refusal, pass } = setUp();
    replaceThird(rejoining);
    pass(10 * MINUTE - 1);
    expect(refusal()).toMatch(/another replacement ended 599 s ago, and 600 s must lie between two/);
    pass(1);
    expect(refusal()).toBeUndefined();
  });

  it('takes no change for a replacement that isn’t one', () => {
    const { rejoining, refusal } = setUp();
    rejoining.configurationChanged(configuration);
    rejoining.configurationChanged({ ...configuration, members: configuration.members.slice(0, 2), voters: [1, 2] });
    expect(refusal()).toBeUndefined();
  });

  it('is told that waiting is of no use where its name is no member’s', () => {
    expect(setUp().refusal('n9')).toMatch(/no member of that name/);
  });
});
