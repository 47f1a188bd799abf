import { add, VirtualCluster, type VirtualNode } from '../virtual-cluster';

export const ELECTION_MS = 1000;
/** A cluster that is well has done what it has to do within so much virtual time. */
const LIMIT_MS = 20_000;

export const old = (name: string): string => `${name}:7001`;
export const moved = (name: string): string => `${name}.new:7001`;

/** Where the membership in a node's log has everybody. */
export const placesOf = (node: VirtualNode): Record<string, string> =>
  Object.fromEntries(node.raft.members().members.map(({ name, peer }) => [name, peer]));

/** Until every node runs and has everybody where `places` says. */
export async function knowEverywhere(cluster: VirtualCluster, places: Record<string, string>): Promise<void> {
  const isKnown = (): boolean =>
    [...cluster.nodes.values()].every(
      (node) => node.raft.status().phase === 'running' && JSON.stringify(placesOf(node)) === JSON.stringify(places),
    );
  await cluster.until(isKnown, LIMIT_MS);
}

/** Writes through each node, and reads it on each: everybody reaches the leader, and is reached by it. */
export async function works(cluster: VirtualCluster, line: string): Promise<void> {
  const nodes = [...cluster.nodes.values()];
  for (const node of nodes) await cluster.ends(node.raft.propose(add(`${line} by ${node.name}`)), LIMIT_MS);
  for (const node of nodes) await cluster.ends(node.raft.barrier(), LIMIT_MS);
  for (const { machine } of nodes)
    expect(machine.lines).toEqual(expect.arrayContaining(nodes.map(({ name }) => `${line} by ${name}`)));
}

/** A copy of a follower's disk is started elsewhere, while the follower goes on, cut off from the leader alone. */
export async function copyOfALiveDisk(): Promise<void> {
  const cluster = new VirtualCluster(3);
  const leader = await cluster.startWithLeader();
  const original = cluster.followers()[0]!;
  await works(cluster, 'before');
  cluster.network.partition([old(leader.name)], [old(original.name)]);
  cluster.copyDisk(original.name, 'copy');
  const copy = cluster.make('copy', { nodeId: original.name, advertise: 'copy:7001' });
  await cluster.ends(copy.raft.start());
  await cluster.until(() => copy.raft.status().phase === 'quarantined', LIMIT_MS);

  const { reason } = copy.raft.status();
  expect(reason).toContain('copy:7001');
  expect(reason).toContain(old(original.name));
  expect(leader.logged.join('\n')).toContain(reason);
  expect(placesOf(leader)[original.name]).toBe(old(original.name));
  await cluster.kill(copy);
  cluster.network.heal();
  await works(cluster, 'after');
  expect(original.raft.status().phase).toBe('running');
  await cluster.stopAll();
}

/** A follower is started here and there in turns, faster than it may be moved. */
export async function flapping(): Promise<void> {
  const cluster = new VirtualCluster(3);
  await cluster.startWithLeader();
  const [follower, other] = cluster.followers();
  const name = follower!.name;
  const moves: number[] = [];
  let at = old(name);
  const endMs = cluster.time.nowMs + 40 * ELECTION_MS;
  for (let turn = 1; cluster.time.nowMs < endMs; turn++) {
    const node = await cluster.comeBackAt(name, turn % 2 === 1 ? moved(name) : old(name));
    await cluster.ends(node.raft.propose(add(`turn ${turn}`)), LIMIT_MS);
    const untilMs = cluster.time.nowMs + 3 * ELECTION_MS;
    await cluster.until(() => {
      const now = placesOf(other!)[name]!;
      if (now !== at) moves.push(cluster.time.nowMs);
      at = now;
      return cluster.time.nowMs >= untilMs;
    });
  }
  expect(moves.length).toBeGreaterThan(1);
  const pauses = moves.slice(1).map((ms, position) => ms - moves[position]!);
  expect(pauses.filter((ms) => ms < 10 * ELECTION_MS - 100)).toEqual([]);
  await cluster.stopAll();
}

/** Two members come back each at the other's address. */
export async function swap(cluster: VirtualCluster): Promise<void> {
  await cluster.kill(cluster.node('n2'));
  await cluster.kill(cluster.node('n3'));
  const founders = [
    { id: 'n1', peer: old('n1') },
    { id: 'n2', peer: old('n3') },
    { id: 'n3', peer: old('n2') },
  ];
  await cluster.comeBackAt('n2', old('n3'), { founders });
  await cluster.comeBackAt('n3', old('n2'), { founders });

  await knowEverywhere(cluster, { n1: old('n1'), n2: old('n3'), n3: old('n2') });
  await works(cluster, 'after');
  await cluster.stopAll();
}

/** A follower says that it is reached where nobody is. */
export async function unreachableAddress(): Promise<void> {
  const cluster = new VirtualCluster(3);
  const leader = await cluster.startWithLeader();
  const name = cluster.followers()[0]!.name;
  await cluster.kill(cluster.node(name));
  const node = cluster.make(name, { advertise: moved(name), transport: cluster.network.transport('nowhere:7001') });
  await cluster.ends(node.raft.start());
  await cluster.pass(30 * ELECTION_MS);
  expect(placesOf(leader)[name]).toBe(old(name));
  expect(leader.raft.status().isLeader).toBe(true);
  await cluster.kill(node);
  await cluster.network.listenerAt('nowhere:7001')?.stop();
  await cluster.stopAll();
}

/** A follower comes back elsewhere, with a disk from before what it has acknowledged. */
export async function olderDiskElsewhere(): Promise<void> {
  const cluster = new VirtualCluster(3);
  const before = await cluster.startWithLeader();
  const [{ name }, next] = cluster.followers() as [VirtualNode, VirtualNode];
  const backup = cluster.backUp(name);
  await works(cluster, 'acknowledged');
  await cluster.pass(3 * ELECTION_MS);
  await cluster.kill(cluster.node(name));
  cluster.putBack(name, backup);
  // Whoever leads by then has no acknowledgement of it: the one that led before has.
  await cluster.ends(before.raft.transferLeadership(next.name));
  const leader = await cluster.leaderKnown();
  const node = await cluster.comeBackAt(name, moved(name));
  await cluster.until(() => node.raft.status().phase === 'quarantined', LIMIT_MS);
  expect(placesOf(leader)[name]).toBe(old(name));
  await cluster.stopAll();
}
