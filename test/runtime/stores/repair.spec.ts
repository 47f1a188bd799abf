import {
  type CommandContext,
  RaftCommand,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type SnapshotSource,
} from 'nestjs-raft';
import { StateMachineHost } from '../../../libs/raft/src/state-machine/host/state-machine-host';
import { Rejoining } from '../../../libs/raft/src/runtime/membership/rejoining';
import { MemoryStorage } from '../../../libs/raft/src/storage/memory';
import { memoryChecksum } from '../../../libs/raft/src/storage/memory/memory-storage';
import { encodeCommand } from '../../../libs/raft/src/state-machine/entries/command-envelope';
import {
  anotherVoterIsAway,
  changedVote,
  comeBackDamaged,
  GROUP,
  isReplaced,
  oneAtATime,
  SNAPSHOTS,
  withSnapshots,
  write,
} from './repair-scenarios';
import { ALL, valueOf, VirtualCluster, type VirtualNode } from '../virtual-cluster';

describe('safety 31: a damaged node is repaired', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  async function started(): Promise<VirtualNode> {
    const made = await withSnapshots(3);
    cluster = made.cluster;
    return made.leader;
  }

  it('as its own replacement: a new replica with the state of the others, and the old store is kept', async () => {
    const leader = await started();
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
    const leader = await started();
    const { name } = cluster.followers()[0]!;
    const back = await comeBackDamaged(cluster, name);
    await cluster.ends(back.raft.repair());
    await cluster.until(() => isReplaced(leader, name, 3));
    const again = await comeBackDamaged(cluster, name, () => undefined);
    await cluster.until(() => again.raft.status().appliedIndex >= 26);
    expect(again.raft.status().phase).toBe('running');
  });

  it('goes on where a crash came between the new store and its place in the cluster', async () => {
    const leader = await started();
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

  it('one at a time: another is refused until the first votes, and not touched', oneAtATime);

  it('never while another voter is away, as it may have what the damaged one lost', anotherVoterIsAway);

  it('is refused where nobody can say, and nothing is touched', async () => {
    await started();
    const { name } = cluster.followers()[0]!;
    const back = await comeBackDamaged(cluster, name);
    for (const other of [...cluster.nodes.values()]) if (other !== back) await cluster.kill(other);
    expect(await cluster.outcome(back.raft.repair({ timeoutMs: 3000 }))).toMatchObject({ code: 'RAFT_NO_LEADER' });
    expect(back.raft.status().phase).toBe('quarantined');
    expect(cluster.backUp(name).kept.size).toBe(0);
  });

  it('is refused where nothing is damaged', async () => {
    const leader = await started();
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
    expect(back.raft.status().reason).toMatch(
      /has no reset\(\)\. Fix the cause and restart the node; it resumes from there/,
    );
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
    const leader = await started();
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

type Methods = Record<string, (...args: unknown[]) => unknown>;

/** Each rule is broken once, and the scenario that holds it has to notice. */
describe('a mistake in damage and repair', () => {
  afterEach(() => jest.restoreAllMocks());

  it('is noticed: the other voters needn’t be level', async () => {
    jest.spyOn(Rejoining.prototype as unknown as Methods, 'requireLevelVoters').mockImplementation(() => undefined);
    await expect(anotherVoterIsAway()).rejects.toThrow('expect(');
  });

  it('is noticed: the leader forgets whom it has allowed', async () => {
    const { requireRepairAllowed } = Rejoining.prototype;
    jest.spyOn(Rejoining.prototype, 'requireRepairAllowed').mockImplementation(function (this: Rejoining, ...args) {
      Object.assign(this, { repairing: undefined });
      return requireRepairAllowed.apply(this, args);
    });
    await expect(oneAtATime()).rejects.toThrow('expect(');
  });

  it('is noticed: a store believes whatever vote it finds', async () => {
    const { load } = MemoryStorage.prototype;
    jest.spyOn(MemoryStorage.prototype, 'load').mockImplementation(function (this: MemoryStorage, group) {
      const stored = this.medium.groups.get(group);
      if (stored !== undefined) stored.checksum = memoryChecksum(group, stored);
      return load.call(this, group);
    });
    await expect(changedVote()).rejects.toThrow('expect(');
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
