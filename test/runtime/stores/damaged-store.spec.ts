import { damageMemory } from '../../../libs/raft/src/testing/storage-conformance/memory-under-test';
import type { MemoryMedium } from '../../../libs/raft/src/storage/memory';
import { memoryChecksum } from '../../../libs/raft/src/storage/memory/memory-storage';
import { comeBackDamaged, GROUP, SNAPSHOTS, withSnapshots } from './repair-scenarios';
import { add, VirtualCluster } from '../virtual-cluster';

/** Changes the state, with a checksum that fits: an earlier build, or a store that keeps none. */
function rewrite(
  medium: MemoryMedium,
  change: (group: NonNullable<ReturnType<typeof medium.groups.get>>) => void,
): void {
  const group = medium.groups.get(GROUP)!;
  change(group);
  group.checksum = memoryChecksum(GROUP, group);
}

describe('a store that is damaged', () => {
  let cluster: VirtualCluster;
  beforeEach(() => {
    cluster = new VirtualCluster(3);
  });
  afterEach(() => cluster.stopAll());

  it.each<[string, (medium: MemoryMedium) => void, RegExp]>([
    ['a vote that changed', (medium) => damageMemory(medium, 'vote', GROUP), /its checksum doesn't fit/],
    [
      'a lost snapshot',
      (medium) => damageMemory(medium, 'snapshot', GROUP),
      /the snapshot of what came before is gone/,
    ],
    ['a lost chunk', (medium) => damageMemory(medium, 'chunk', GROUP), /The snapshot of group 'default'/],
    [
      'a chunk that changed',
      (medium) => {
        const snapshot = medium.snapshots.get(GROUP)!;
        const chunks = snapshot.chunks.map((chunk) => chunk.map((byte) => byte ^ 1));
        medium.snapshots.set(GROUP, { ...snapshot, chunks });
      },
      /Chunk 0 of the snapshot/,
    ],
    ['a missing entry', (medium) => medium.groups.get(GROUP)!.entries.splice(1, 1), /should hold the entries/],
    [
      "a term below the last entry's",
      (medium) => rewrite(medium, (group) => (group.hardState = { term: 0, votedFor: 0 })),
      /the stored term is 0, and the last entry is of term/,
    ],
    [
      'a commit index beyond its end',
      (medium) => rewrite(medium, (group) => (group.position.commitIndex = 1000)),
      /its tail was lost/,
    ],
  ])(
    'is refused at load where it has %s: the node is up, takes no part, and says what to do',
    async (_what, damage, sentence) => {
      ({ cluster } = await withSnapshots(3));
      const { name } = cluster.followers()[0]!;
      const back = await comeBackDamaged(cluster, name, damage);
      const { phase, reason } = back.raft.status();
      expect(phase).toBe('quarantined');
      expect(reason).toMatch(sentence);
      expect(reason).toMatch(/is damaged/);
      expect((await cluster.outcome(back.raft.propose(add('late')))).code).toBe('RAFT_QUARANTINED');

      // It gives no vote either: the one that is left finds no majority with it.
      const others = [...cluster.nodes.values()].filter((node) => node !== back);
      await cluster.kill(others[0]!);
      await cluster.pass(20_000);
      expect(others[1]!.raft.status().leader).toBeNull();
    },
  );

  it('is noticed where an entry is read that changed, and known at the next start', async () => {
    const leader = await cluster.startWithLeader();
    for (let at = 0; at < 5; at++) await cluster.ends(leader.raft.propose(add(`entry ${at}`)));
    const { name } = cluster.followers()[0]!;
    await cluster.until(() => cluster.node(name).raft.status().appliedIndex >= 6);
    await cluster.pass(500);
    const flip = (medium: MemoryMedium): void => {
      const { entries } = medium.groups.get(GROUP)!;
      entries[2] = { ...entries[2]!, data: entries[2]!.data.map((byte) => byte ^ 1) };
    };
    const back = await comeBackDamaged(cluster, name, flip);
    await cluster.until(() => back.raft.status().phase === 'quarantined');
    const { reason } = back.raft.status();
    expect(reason).toMatch(/is damaged: Entry 3 of group 'default' isn't what was written/);
    await cluster.pass(100);
    const again = await comeBackDamaged(cluster, name, () => undefined);
    expect(again.raft.status()).toMatchObject({ phase: 'quarantined', reason });
  });

  it('gives no damaged snapshot away: its node takes another from its state, and whoever needs one gets that', async () => {
    const leader = await cluster.startWithLeader(SNAPSHOTS);
    const away = cluster.followers()[0]!;
    const others = [...cluster.nodes.values()].filter((node) => node !== away);
    cluster.network.partition(
      [away.address],
      others.map(({ address }) => address),
    );
    for (let at = 0; at < 25; at++) await cluster.ends(leader.raft.propose(add(`entry ${at}`)));
    await cluster.until(() => others.every(({ raft }) => raft.status().firstIndex > 1));
    for (const { name } of others) {
      const { snapshots } = cluster.mediumOf(name);
      const snapshot = snapshots.get(GROUP)!;
      const chunks = snapshot.chunks.map((chunk) => chunk.map((byte) => byte ^ 1));
      snapshots.set(GROUP, { ...snapshot, chunks });
    }
    cluster.network.heal();
    await cluster.until(() => away.raft.status().appliedIndex >= 26);
    expect(away.machine.restored).toBe(1);
    expect(others.flatMap(({ logged }) => logged).join('\n')).toMatch(
      /The snapshot in this node's store is damaged, and is taken again from its state: Chunk 0/,
    );
    for (const { raft } of cluster.nodes.values()) expect(raft.status().phase).toBe('running');
  });
});
