import type { ConfigurationInForce } from '../../core/base/configuration';
import { initialConfiguration } from '../../core/membership/membership';
import { ORIGIN } from '../../core/base/types';
import type { ReplicatedStateMachine } from '../../state-machine/contract';
import type { LoadedGroup, RaftStorage, StoredSnapshot } from '../../storage/contract';
import { restoreAtStart } from './snapshot-install';

const membersOf = (...names: string[]) =>
  initialConfiguration(
    names.map((name) => ({ name, peer: `${name}:7001`, http: '', incarnation: `store of ${name}` })),
  );
const genesis: ConfigurationInForce = { index: 0, configuration: membersOf('n1') };
const grown: ConfigurationInForce = { index: 20, configuration: membersOf('n1', 'n2', 'n3') };

/** What a store holds after a crash: a log, what stands before it, and a snapshot. */
function storeWith(held: Partial<LoadedGroup>, snapshotOf: ConfigurationInForce, lastIndex: number) {
  let group: LoadedGroup = {
    identity: { clusterId: 'c1', replicaId: 1 },
    hardState: { term: 1, votedFor: 0 },
    commitIndex: 0,
    lastBatch: 1,
    snapshot: ORIGIN,
    lastIndex: 0,
    terms: [],
    configuration: genesis,
    configurationEntries: [],
    ...held,
  };
  const last = { index: lastIndex, term: 1 };
  const stored: StoredSnapshot = {
    metadata: { last, configuration: snapshotOf, format: 1 },
    chunkCount: 0,
    sizeBytes: 0,
    chunks: (async function* () {})(),
  };
  const storage = {
    readSnapshot: async () => stored,
    compact: async () => void (group = { ...group, snapshot: last, lastIndex, terms: [] }),
    load: async () => group,
  } as Partial<RaftStorage> as RaftStorage;
  const machine = { restore: async () => undefined } as Partial<ReplicatedStateMachine> as ReplicatedStateMachine;
  return { restored: () => restoreAtStart(storage, 'default', machine, { group, snapshot: stored }, 0) };
}

describe('a start with a snapshot in the store', () => {
  it('finishes an install that a crash cut off before the log was cut, and goes on with the snapshot’s membership', async () => {
    const { group, appliedIndex } = await storeWith({}, grown, 30).restored();
    expect(appliedIndex).toBe(30);
    expect(group).toMatchObject({ snapshot: { index: 30, term: 1 }, lastIndex: 30, configuration: grown });
  });

  it('goes on with the snapshot’s membership where the crash came behind the cut, before the membership was written', async () => {
    const cut = { snapshot: { index: 30, term: 1 }, lastIndex: 30 };
    expect((await storeWith(cut, grown, 30).restored()).group.configuration).toEqual(grown);
  });

  it('goes on with it, too, where entries have come since, and where a later snapshot was taken of them', async () => {
    const grownOn = { snapshot: { index: 30, term: 1 }, lastIndex: 40, terms: [{ firstIndex: 31, term: 1 }] };
    expect((await storeWith(grownOn, grown, 30).restored()).group.configuration).toEqual(grown);
    expect((await storeWith(grownOn, grown, 35).restored()).group.configuration).toEqual(grown);
  });

  it('keeps a membership that the store holds and that is newer than the snapshot’s', async () => {
    const shrunk = { index: 25, configuration: membersOf('n1', 'n2') };
    const newer = { configuration: shrunk, lastIndex: 40, terms: [{ firstIndex: 1, term: 1 }] };
    expect((await storeWith(newer, grown, 22).restored()).group.configuration).toEqual(shrunk);
  });
});
