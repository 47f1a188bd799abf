import {
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type CommandContext,
  type QueryContext,
} from '../../index';
import { createTestCluster } from './index';

@RaftStateMachine('notes')
class Notes {
  private readonly values = new SnapshotMap<string, number>();

  constructor(readonly madeFor = '') {}

  @RaftCommand()
  write(context: CommandContext, text: string): number {
    this.values.set(text, context.now);
    return context.now;
  }

  @RaftQuery()
  writtenAt(_context: QueryContext, text: string): number | undefined {
    return this.values.get(text);
  }

  @RaftSnapshot()
  capture() {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }

  has(text: string): boolean {
    return this.values.has(text);
  }
}

const options = { machines: [Notes] };

/** What a promise ended with: its code, or its sentence. */
function failure(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'it succeeded',
    (error: Error & { code?: string }) => error.code ?? error.message,
  );
}

describe('a cluster within a test', () => {
  it('elects, replicates to every node, and answers on each', async () => {
    const cluster = await createTestCluster(3, options);
    await cluster.waitForLeader();
    const { index } = await cluster.node('n2').get(Notes).$ordered().write('milk');
    await cluster.waitForApplied(index);

    for (const node of cluster.nodes) {
      expect(await node.get(Notes).writtenAt('milk')).toEqual(expect.any(Number));
      expect(node.copyOf(Notes).has('milk')).toBe(true);
    }
    await cluster.close();
    expect(cluster.nodes.every(({ isUp }) => !isUp)).toBe(true);
  });

  it('goes the same way for the same seed, and another for another', async () => {
    const story = async (seed: number): Promise<string[]> => {
      const lines: string[] = [];
      const cluster = await createTestCluster(3, { ...options, seed, onLine: (line) => lines.push(line) });
      const leader = await cluster.waitForLeader();
      await leader.get(Notes).write('milk');
      await cluster.crash(leader.name);
      await cluster.waitForLeader();
      return [...lines, `${cluster.nowMs}`];
    };
    const first = await story(3);

    expect(first.length).toBeGreaterThan(1);
    expect(await story(3)).toEqual(first);
    expect(await story(4)).not.toEqual(first);
  });

  it('has a time that stands still while nothing waits, and that commands see pass', async () => {
    const cluster = await createTestCluster(1, options);
    const notes = (await cluster.waitForLeader()).get(Notes);
    const before = await notes.write('milk');
    const standingMs = cluster.nowMs;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(cluster.nowMs).toBe(standingMs);

    await cluster.advance(60_000);
    expect(cluster.nowMs).toBe(standingMs + 60_000);
    expect((await notes.write('bread')) - before).toBeGreaterThanOrEqual(60_000);
  });

  it('runs several waits at once in one time', async () => {
    const cluster = await createTestCluster(3, options);
    const leader = await cluster.waitForLeader();
    const startMs = cluster.nowMs;
    await Promise.all([cluster.advance(1_000), cluster.advance(3_000), leader.get(Notes).write('milk')]);
    expect(cluster.nowMs).toBe(startMs + 3_000);
  });

  it('cuts the network between groups, those that are not named being one, and heals', async () => {
    const cluster = await createTestCluster(5, options);
    const old = await cluster.waitForLeader();
    const others = cluster.nodes.filter((node) => node !== old).map(({ name }) => name);
    const [friend = '', ...far] = others;

    cluster.partition([old.name, friend]);
    const next = await cluster.waitForLeader({ among: far });
    await next.get(Notes).write('milk');
    expect(await failure(cluster.waitForApplied(undefined, { limitMs: 5_000 }))).toContain(`  ${old.name} is running`);
    await cluster.waitForApplied(undefined, { among: far });
    expect(old.copyOf(Notes).has('milk')).toBe(false);

    cluster.heal();
    await cluster.waitForApplied();
    expect(old.copyOf(Notes).has('milk')).toBe(true);
  });

  it('replaces the partition before by the next', async () => {
    const cluster = await createTestCluster(3, options);
    await cluster.waitForLeader();
    cluster.partition(['n1']);
    cluster.partition(['n1', 'n2'], ['n3']);
    const leader = await cluster.waitForLeader({ among: ['n1', 'n2'] });
    await leader.get(Notes).write('milk');
    await cluster.waitForApplied(undefined, { among: ['n1', 'n2'] });
    expect(cluster.node('n3').copyOf(Notes).has('milk')).toBe(false);
  });

  it('has the store of a crashed node there at its restart', async () => {
    const cluster = await createTestCluster(3, options);
    const leader = await cluster.waitForLeader();
    await leader.get(Notes).write('milk');
    await cluster.waitForApplied();
    for (const { name } of cluster.nodes) await cluster.crash(name);
    for (const { name } of cluster.nodes) await cluster.restart(name);
    await cluster.waitForLeader();

    expect(await leader.get(Notes).writtenAt('milk')).toEqual(expect.any(Number));
  });

  it('fails what was under way on a node that crashes, and whatever is asked of one that is down', async () => {
    const cluster = await createTestCluster(3, options);
    const leader = await cluster.waitForLeader();
    cluster.partition([leader.name]);
    const lost = failure(leader.get(Notes).write('milk'));
    await cluster.advance(50);
    await cluster.crash(leader.name);

    expect(await lost).toBe('RAFT_INDETERMINATE');
    expect(await failure(leader.get(Notes).write('milk'))).toBe('RAFT_NOT_STARTED');
    expect(() => leader.status()).toThrow(`Start it with cluster.restart('${leader.name}')`);
    expect(leader.isLeader).toBe(false);
  });

  it('stops a leader in order, which hands over first', async () => {
    const cluster = await createTestCluster(3, options);
    const leader = await cluster.waitForLeader();
    await cluster.stop(leader.name);
    const stoppedMs = cluster.nowMs;
    const next = await cluster.waitForLeader();

    expect(next.name).not.toBe(leader.name);
    expect(cluster.nowMs - stoppedMs).toBeLessThan(1_000);
    expect(await failure(cluster.restart(next.name))).toBe(`${next.name} is running: crash or stop it first.`);
  });

  it('takes in a further node as a voter', async () => {
    const cluster = await createTestCluster(3, options);
    await (await cluster.waitForLeader()).get(Notes).write('milk');
    const fourth = await cluster.join('n4');
    await cluster.waitForApplied();

    expect(fourth.copyOf(Notes).has('milk')).toBe(true);
    await cluster.crash('n4');
    await cluster.restart('n4');
    await cluster.waitForApplied();
    expect(fourth.copyOf(Notes).has('milk')).toBe(true);
  });

  it('says in a sentence what it waited for, how long, and what every node was doing', async () => {
    const cluster = await createTestCluster(3, options);
    await cluster.crash('n1');
    await cluster.crash('n2');
    const sentence = await failure(cluster.waitForLeader({ limitMs: 4_000 }));

    expect(sentence).toContain(
      'The cluster waited for a leader, and it took more than 4000 virtual ms:\n  n1 is down\n',
    );
    expect(sentence).toMatch(
      / {2}n3 is (running|bootstrapping).*, follower in term \d+, knows no leader: last index \d+/,
    );
    expect(await failure(cluster.waitUntil(() => false, 'rain', { limitMs: 10 }))).toContain('waited for rain');
    const broken = (): boolean => {
      throw new Error('the predicate is broken');
    };
    expect(await failure(cluster.waitUntil(broken))).toBe('the predicate is broken');
  });

  it('makes machines as it is told, for each life of a node', async () => {
    const madeFor: string[] = [];
    const create = (node: string): Notes => {
      madeFor.push(node);
      return new Notes(node);
    };
    const cluster = await createTestCluster(2, { machines: [{ type: Notes, create }] });
    await cluster.waitForLeader();
    await cluster.crash('n2');
    await cluster.restart('n2');

    expect(madeFor).toEqual(['n1', 'n2', 'n2']);
    expect(cluster.node('n2').copyOf(Notes).madeFor).toBe('n2');
  });

  it('names what is wrong with a size, a node or a machine', async () => {
    expect(await failure(createTestCluster(0))).toBe('RAFT_CONFIGURATION');
    expect(await failure(createTestCluster(2.5))).toBe('RAFT_CONFIGURATION');
    const cluster = await createTestCluster(1);
    expect(() => cluster.node('n2')).toThrow("There is no node 'n2' in this cluster: it has n1.");
    expect(() => cluster.partition(['n9'])).toThrow("There is no node 'n9'");
    expect(() => cluster.node('n1').copyOf(Notes)).toThrow('machines: [Notes]');
    expect(() => cluster.advance(-1)).toThrow('advance(-1)');
    expect(await failure(cluster.join('n1'))).toContain("There is a node 'n1' already");
  });
});
