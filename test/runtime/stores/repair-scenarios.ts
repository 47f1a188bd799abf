import type { RaftNodeSettings } from 'nestjs-raft';
import type { MemoryMedium } from '../../../libs/raft/src/storage/memory';
import { damageMemory } from '../../../libs/raft/src/testing/storage-conformance/memory-under-test';
import { add, VirtualCluster, type VirtualNode } from '../virtual-cluster';

export const GROUP = 'default';
/** Each node soon has a snapshot, and a log that begins behind it. */
export const SNAPSHOTS = { snapshots: { afterEntries: 10, trailingEntries: 2, afterBytes: 1 << 20, afterMs: null } };

export async function write(cluster: VirtualCluster, node: VirtualNode, count: number): Promise<void> {
  for (let at = 0; at < count; at++) await cluster.ends(node.raft.propose(add(`entry ${at}`)));
}

/** Kills a node, changes its disk, and starts it again. Default: its snapshot is gone */
export async function comeBackDamaged(
  cluster: VirtualCluster,
  name: string,
  damage: (medium: MemoryMedium) => void = (medium) => damageMemory(medium, 'snapshot', GROUP),
  settings: Partial<RaftNodeSettings> = SNAPSHOTS,
): Promise<VirtualNode> {
  await cluster.kill(cluster.node(name));
  const medium = cluster.backUp(name);
  damage(medium);
  cluster.putBack(name, medium);
  const back = cluster.make(name, settings);
  await cluster.ends(back.raft.start());
  return back;
}

/** Starts a cluster, and writes until each node has a snapshot and a log that begins behind it. */
export async function withSnapshots(size: number): Promise<{ cluster: VirtualCluster; leader: VirtualNode }> {
  const cluster = new VirtualCluster(size);
  const leader = await cluster.startWithLeader(SNAPSHOTS);
  await write(cluster, leader, 25);
  await cluster.until(() =>
    [...cluster.nodes.values()].every(({ raft }) => {
      const { snapshot, firstIndex, appliedIndex } = raft.status();
      return snapshot !== null && firstIndex > 1 && appliedIndex >= 26;
    }),
  );
  return { cluster, leader };
}

/** Whether the name has one replica, and a new one, that votes. */
export function isReplaced(leader: VirtualNode, name: string, old: number): boolean {
  const { members, membershipChanging } = leader.raft.status();
  const [member, ...more] = members.filter((each) => each.name === name);
  return member !== undefined && more.length === 0 && member.id > old && member.voter && !membershipChanging;
}

/** A changed vote: the node takes no part, and its vote elects nobody. */
export async function changedVote(): Promise<void> {
  const { cluster } = await withSnapshots(3);
  const back = await comeBackDamaged(cluster, cluster.followers()[0]!.name, (medium) =>
    damageMemory(medium, 'vote', GROUP),
  );
  expect(back.raft.status().phase).toBe('quarantined');
  await cluster.stopAll();
}

/** One repair at a time: another is refused until the first votes, and not touched. */
export async function oneAtATime(): Promise<void> {
  const { cluster, leader } = await withSnapshots(5);
  const [first, second] = cluster.followers().map(({ name }) => name) as [string, string];
  const one = await comeBackDamaged(cluster, first);
  const others = [...cluster.nodes.values()].filter((node) => node !== one).map(({ address }) => address);
  // It is allowed, and its place isn't in the log yet.
  const unsubscribe = one.raft.onStatus(({ phase }) => {
    if (phase === 'joining') cluster.network.partition([one.address], others);
  });
  await cluster.ends(one.raft.repair());
  unsubscribe();
  let intact!: MemoryMedium;
  const two = await comeBackDamaged(cluster, second, (medium) => {
    intact = medium.copy();
    damageMemory(medium, 'snapshot', GROUP);
  });
  const refused = await cluster.outcome(two.raft.repair({ timeoutMs: 5000 }));
  expect(refused).toMatchObject({
    code: 'RAFT_CONFLICT',
    message: `'${second}' can't be repaired now: '${first}' is being repaired, and one is at a time. Nothing was changed.`,
  });
  expect(two.raft.status().phase).toBe('quarantined');
  expect(cluster.backUp(second).kept.size).toBe(0);

  // The first goes on only with all others well.
  cluster.network.heal();
  await cluster.pass(5000);
  expect(one.raft.status()).toMatchObject({
    phase: 'joining',
    reason: expect.stringContaining(
      `all other voters must answer and have all that is committed, and '${second}' doesn't`,
    ) as string,
  });
  await cluster.kill(two);
  cluster.putBack(second, intact);
  await cluster.ends(cluster.make(second, SNAPSHOTS).raft.start());
  await cluster.until(() => isReplaced(leader, first, 5));
  const later = await comeBackDamaged(cluster, second);
  await cluster.ends(later.raft.repair());
  await cluster.until(() => isReplaced(leader, second, 5));
  await cluster.stopAll();
}

/** Another voter is away: it may have what the damaged one lost. */
export async function anotherVoterIsAway(): Promise<void> {
  const { cluster } = await withSnapshots(5);
  const [first, second] = cluster.followers().map(({ name }) => name) as [string, string];
  const back = await comeBackDamaged(cluster, first);
  await cluster.kill(cluster.node(second));
  await cluster.pass(3000);
  const refused = await cluster.outcome(back.raft.repair({ timeoutMs: 5000 }));
  expect(refused.code).toBe('RAFT_CONFLICT');
  expect(refused.message).toContain(
    `all other voters must answer and have all that is committed, and '${second}' doesn't`,
  );
  expect(cluster.backUp(first).kept.size).toBe(0);
  await cluster.stopAll();
}
