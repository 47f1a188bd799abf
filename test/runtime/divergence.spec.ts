import {
  type CommandContext,
  type QueryContext,
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
} from '../../libs/raft/src';
import { DIGEST_EVERY } from '../../libs/raft/src/state-machine/host/digests';
import { createTestCluster, type TestCluster } from '../../libs/raft/src/testing';

jest.setTimeout(300_000);

@RaftStateMachine('tallies')
class Tallies {
  private readonly values = new SnapshotMap<string, number>();
  /** What a command must not depend on: it is another on the node that is told to differ. */
  constructor(private readonly skew = 0) {}

  @RaftCommand()
  add(_context: CommandContext, name: string): number {
    const value = (this.values.get(name) ?? 0) + 1 + this.skew;
    this.values.set(name, value);
    return value;
  }

  @RaftQuery()
  current(_context: QueryContext, name: string): number {
    return this.values.get(name) ?? 0;
  }

  @RaftSnapshot()
  capture() {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}

/** The same application one version on: it has one command more. */
@RaftStateMachine('tallies')
class NewTallies extends Tallies {
  @RaftCommand()
  reset(_context: CommandContext, _name: string): number {
    return 0;
  }
}

async function pastTheNextDigest(cluster: TestCluster, node: string): Promise<void> {
  const tallies = cluster.node(node).get(Tallies);
  for (let done = 0; done < DIGEST_EVERY; done += 512)
    await Promise.all(Array.from({ length: 512 }, (_, at) => tallies.add(`t${at % 16}`)));
}

describe('nodes that made different states of one log', () => {
  it('are found out: the one that two contradict is quarantined, and the others go on', async () => {
    const cluster = await createTestCluster(3, {
      machines: [{ type: Tallies, create: (node) => new Tallies(node === 'n2' ? 1 : 0) }],
    });
    const leader = await cluster.waitForLeader();
    if (leader.name === 'n2') await cluster.ends(leader.raft.transferLeadership('n1'));
    await pastTheNextDigest(cluster, 'n1');
    await cluster.waitUntil(() => cluster.node('n2').status().phase === 'quarantined', 'n2 is quarantined');
    expect(cluster.node('n2').status().reason).toContain('another state of the log up to entry');
    expect(await cluster.node('n3').get(Tallies).add('t0')).toBeGreaterThan(1);
  });

  it('are found out where the leader is the one: it hands over first', async () => {
    const cluster = await createTestCluster(3, {
      machines: [{ type: Tallies, create: (node) => new Tallies(node === 'n2' ? 1 : 0) }],
    });
    await cluster.waitForLeader();
    await cluster.ends(cluster.node('n1').raft.transferLeadership('n2')).catch(() => undefined);
    await pastTheNextDigest(cluster, 'n2');
    await cluster.waitUntil(() => cluster.node('n2').status().phase === 'quarantined', 'n2 is quarantined');
    expect((await cluster.waitForLeader()).name).not.toBe('n2');
  });

  it('raise an alarm where two of two differ, and nobody is stopped', async () => {
    const lines: string[] = [];
    const cluster = await createTestCluster(2, {
      machines: [{ type: Tallies, create: (node) => new Tallies(node === 'n2' ? 1 : 0) }],
      onLine: (line) => lines.push(line),
    });
    const leader = await cluster.waitForLeader();
    await pastTheNextDigest(cluster, leader.name);
    await cluster.waitUntil(() => lines.some((line) => line.includes('no majority agrees')), 'an alarm');
    expect(cluster.nodes.map((node) => node.status().phase)).toEqual(['running', 'running']);
  });

  it('are not compared where their versions differ', async () => {
    const cluster = await createTestCluster(3, {
      machines: [{ type: Tallies, create: (node) => (node === 'n2' ? new NewTallies(1) : new Tallies()) }],
    });
    const leader = await cluster.waitForLeader();
    await pastTheNextDigest(cluster, leader.name);
    await cluster.advance(20_000);
    expect(cluster.nodes.map((node) => node.status().phase)).toEqual(['running', 'running', 'running']);
  });
});

describe('a rolling upgrade', () => {
  it('refuses a command that not every member knows yet, says who, and takes it when all do', async () => {
    let upgraded = ['n1', 'n2'];
    const cluster = await createTestCluster(3, {
      machines: [{ type: Tallies, create: (node) => (upgraded.includes(node) ? new NewTallies() : new Tallies()) }],
    });
    await cluster.waitForLeader();
    await cluster.ends(cluster.node('n3').raft.transferLeadership('n1')).catch(() => undefined);
    await cluster.advance(3000);
    const calls = cluster.node('n1').get(NewTallies);
    await expect(calls.reset('t0')).rejects.toMatchObject({
      code: 'RAFT_REJECTED',
      reason: 'NOT_KNOWN_EVERYWHERE',
      message: expect.stringContaining("tallies.reset isn't known to 'n3' yet"),
    });
    upgraded = ['n1', 'n2', 'n3'];
    await cluster.crash('n3');
    await cluster.restart('n3');
    await cluster.advance(5000);
    expect(await calls.reset('t0')).toBe(0);
  });
});
