import {
  type CommandContext,
  RaftCommand,
  type RaftNodeSettings,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type SnapshotSource,
} from 'nestjs-raft';
import { StateMachineHost } from '../../libs/raft/src/state-machine/state-machine-host';
import type { MemoryMedium } from '../../libs/raft/src/storage/memory';
import { damageMemory } from '../../libs/raft/src/testing/storage-conformance/memory-under-test';
import { encodeCommand } from '../../libs/raft/src/state-machine/command-envelope';
import { add, ALL, valueOf, VirtualCluster, type VirtualNode } from './virtual-cluster';

const GROUP = 'default';
const SNAPSHOTS = { snapshots: { afterEntries: 10, trailingEntries: 2, afterBytes: 1 << 20, afterMs: null } };

async function write(cluster: VirtualCluster, node: VirtualNode, count: number): Promise<void> {
  for (let at = 0; at < count; at++) await cluster.ends(node.raft.propose(add(`entry ${at}`)));
}

/** Kills a node, changes its disk, and starts it again. */
async function comeBackDamaged(
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

/** Whether the name has one replica, and a new one, that votes. */
const isReplaced = (leader: VirtualNode, name: string, old: number): boolean => {
  const members = leader.raft.status().members.filter((member) => member.name === name);
  const [member] = members;
  return members.length === 1 && member!.id > old && member!.voter && !leader.raft.status().membershipChanging;
};

describe('safety 31: a damaged node is repaired', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  async function withSnapshots(size: number): Promise<VirtualNode> {
    cluster = new VirtualCluster(size);
    const leader = await cluster.startWithLeader(SNAPSHOTS);
    await write(cluster, leader, 25);
    await cluster.until(() => [...cluster.nodes.values()].every(({ raft }) => raft.status().firstIndex > 1));
    return leader;
  }

  it('as its own replacement: a new replica with the state of the others, and the old store is kept', async () => {
    const leader = await withSnapshots(3);
    const { name } = cluster.followers()[0]!;
    const before = cluster.node(name).raft.status();
    const back = await comeBackDamaged(cluster, name);
    expect(back.raft.status().reason).toMatch(/POST \/_raft\/repair on this node/);
    const seen: string[] = [];
    back.raft.onStatus(({ phase }) => seen.push(phase));

    const { keptAs, label } = await cluster.ends(back.raft.repair());
    expect(keptAs).toContain(`damaged_${label}`);
    await cluster.until(() => isReplaced(leader, name, 3));
    expect(back.raft.status()).toMatchObject({ phase: 'running', reason: '' });
    expect(back.raft.status().replicaId).toBeGreaterThan(before.replicaId);
    expect(seen).toContain('joining');
    expect(seen).toContain('running');

    await write(cluster, leader, 1);
    const there = valueOf(await cluster.ends(leader.raft.query(ALL)));
    expect(valueOf(await cluster.ends(back.raft.query(ALL)))).toEqual(there);
    const kept = cluster.backUp(name).kept.get(keptAs)!;
    expect(kept.groups.get(GROUP)!.identity.replicaId).toBe(before.replicaId);
    expect(kept.snapshots.size).toBe(0);

    // It counts: with it, and without another, there is a quorum.
    const other = [...cluster.nodes.values()].find((node) => node !== leader && node !== back)!;
    await cluster.kill(other);
    await write(cluster, leader, 1);
  });

  it('and begins again with its new store: the next start is one like any other', async () => {
    const leader = await withSnapshots(3);
    const { name } = cluster.followers()[0]!;
    const back = await comeBackDamaged(cluster, name);
    await cluster.ends(back.raft.repair());
    await cluster.until(() => isReplaced(leader, name, 3));
    const again = await comeBackDamaged(cluster, name, () => undefined);
    await cluster.until(() => again.raft.status().appliedIndex >= 26);
    expect(again.raft.status().phase).toBe('running');
  });

  it('goes on where a crash came between the new store and its place in the cluster', async () => {
    const leader = await withSnapshots(3);
    const { name } = cluster.followers()[0]!;
    const back = await comeBackDamaged(cluster, name);
    const others = [...cluster.nodes.values()].filter((node) => node !== back).map(({ address }) => address);
    // The leader's word has come through; its place in the cluster doesn't.
    back.raft.onStatus(({ phase }) => {
      if (phase === 'joining') cluster.network.partition([back.address], others);
    });
    await cluster.ends(back.raft.repair());
    await cluster.pass(2000);
    expect(back.raft.status().phase).toBe('joining');
    await cluster.kill(back);
    cluster.network.heal();
    expect(cluster.backUp(name).groups.size).toBe(0);
    const again = cluster.make(name, SNAPSHOTS);
    await cluster.ends(again.raft.start());
    await cluster.until(() => isReplaced(leader, name, 3));
  });

  it('one at a time: another is refused until the first votes, and not touched', async () => {
    const leader = await withSnapshots(5);
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
  });

  it('is refused while another voter is away, as it may have what the damaged one lost', async () => {
    await withSnapshots(5);
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
  });

  it('is refused where nobody can say, and nothing is touched', async () => {
    await withSnapshots(3);
    const { name } = cluster.followers()[0]!;
    const back = await comeBackDamaged(cluster, name);
    for (const other of [...cluster.nodes.values()]) if (other !== back) await cluster.kill(other);
    expect(await cluster.outcome(back.raft.repair({ timeoutMs: 3000 }))).toMatchObject({ code: 'RAFT_NO_LEADER' });
    expect(back.raft.status().phase).toBe('quarantined');
    expect(cluster.backUp(name).kept.size).toBe(0);
  });

  it('is refused where nothing is damaged', async () => {
    const leader = await withSnapshots(3);
    const { name } = cluster.followers()[0]!;
    const refused = await cluster.outcome(cluster.node(name).raft.repair());
    expect(refused).toMatchObject({
      code: 'RAFT_REJECTED',
      message: expect.stringMatching(/not in quarantine/) as string,
    });
    expect(leader.raft.status().members).toHaveLength(3);
  });

  it('where its disk was put back to an earlier state, too', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader(SNAPSHOTS);
    const { name } = cluster.followers()[0]!;
    await cluster.pass(500);
    const backup = cluster.backUp(name);
    await write(cluster, leader, 3);
    await cluster.pass(500);
    await cluster.kill(cluster.node(name));
    cluster.putBack(name, backup);
    const back = cluster.make(name, SNAPSHOTS);
    await cluster.ends(back.raft.start());
    await cluster.until(() => back.raft.status().phase === 'quarantined');
    expect(back.raft.status().reason).toMatch(/repair it: POST/);
    // This state machine can't go back to its beginning: the next process goes on with the repair.
    const stopped = await cluster.outcome(back.raft.repair());
    expect(stopped).toMatchObject({ code: 'RAFT_QUARANTINED' });
    expect(back.raft.status().reason).toMatch(/has no reset\(\)\. Mend the cause and start the node again: it goes on/);
    await cluster.kill(back);
    const again = cluster.make(name, SNAPSHOTS);
    await cluster.ends(again.raft.start());
    await cluster.until(() => isReplaced(leader, name, 3));
  });

  it('where it was found out while it ran: its machines go back to their beginning, and the log brings the rest', async () => {
    cluster = new VirtualCluster(3);
    const machines = new Map<string, Notes>();
    const make = (name: string): VirtualNode => {
      const notes = new Notes();
      machines.set(name, notes);
      return cluster.make(name, { stateMachine: new StateMachineHost([notes]) });
    };
    const nodes = cluster.founders.map(({ id }) => make(id));
    await cluster.ends(Promise.all(nodes.map(({ raft }) => raft.start())));
    const leader = await cluster.leaderKnown();
    const note = (text: string): Promise<unknown> =>
      cluster.ends(leader.raft.propose(encodeCommand({ machine: 'notes', command: 'note', args: [text] })));
    for (const text of ['a', 'b', 'c', 'd', 'e']) await note(text);
    const { name } = cluster.followers()[0]!;
    await cluster.until(() => machines.get(name)!.all.length === 5);
    await cluster.kill(cluster.node(name));
    const medium = cluster.backUp(name);
    const { entries } = medium.groups.get(GROUP)!;
    const at = entries.length - 1;
    entries[at] = { ...entries[at]!, data: entries[at]!.data.map((byte) => byte ^ 1) };
    cluster.putBack(name, medium);
    const back = make(name);
    await cluster.ends(back.raft.start());
    await cluster.until(() => back.raft.status().phase === 'quarantined');

    await cluster.ends(back.raft.repair());
    await cluster.until(() => isReplaced(leader, name, 3));
    await note('f');
    await cluster.until(() => machines.get(name)!.all.length >= 6);
    expect(machines.get(name)!.all).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('never by what the damaged store says: it gives no vote and acknowledges nothing meanwhile', async () => {
    const leader = await withSnapshots(3);
    const { name } = cluster.followers()[0]!;
    const back = await comeBackDamaged(cluster, name);
    const other = [...cluster.nodes.values()].find((node) => node !== leader && node !== back)!;
    const asked = cluster.outcome(back.raft.repair({ timeoutMs: 2000 }));
    await cluster.kill(other);
    await cluster.kill(leader);
    expect((await asked).code).toBe('RAFT_NO_LEADER');
    const again = cluster.make(leader.name, SNAPSHOTS);
    await cluster.ends(again.raft.start());
    await cluster.pass(20_000);
    expect(again.raft.status().leader).toBeNull();
  });
});

@RaftStateMachine('notes')
class Notes {
  private readonly values = new SnapshotMap<number, string>();

  get all(): string[] {
    return [...this.values.values()];
  }

  @RaftCommand()
  note({ index }: CommandContext, text: string): number {
    this.values.set(index, text);
    return index;
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}
