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
import { encodeCommand } from '../../libs/raft/src/state-machine/entries/command-envelope';
import { createTestCluster, type TestCluster } from '../../libs/raft/src/testing';

jest.setTimeout(300_000);

class Stored {
  protected readonly values = new SnapshotMap<string, number>();

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

@RaftStateMachine('stock')
class Stock extends Stored {
  @RaftCommand()
  add(_context: CommandContext, name: string): number {
    const value = (this.values.get(name) ?? 0) + 1;
    this.values.set(name, value);
    return value;
  }
}

/** The next build: one more command … */
@RaftStateMachine('stock')
class NewStock extends Stock {
  @RaftCommand()
  take(_context: CommandContext, name: string): number {
    const value = (this.values.get(name) ?? 0) - 1;
    this.values.set(name, value);
    return value;
  }
}

/** … and one more machine. */
@RaftStateMachine('orders')
class Orders extends Stored {
  @RaftCommand()
  place(_context: CommandContext, name: string): number {
    this.values.set(name, 1);
    return 1;
  }
}

@RaftStateMachine('orders')
class NoOrders extends Stored {
  @RaftCommand()
  nothing(_context: CommandContext): void {}
}

/** A build whose command takes other arguments than the one before. */
@RaftStateMachine('stock')
class StockOfTwo extends Stored {
  @RaftCommand({ schemaVersion: 2, upgrade: { 0: (name) => [name, 1], 1: (name) => [name, 1] } })
  add(_context: CommandContext, name: string, by: number): number {
    const value = (this.values.get(name) ?? 0) + by;
    this.values.set(name, value);
    return value;
  }
}

describe('a rolling deploy of a build with one more command and one more machine', () => {
  const upgraded = new Set<string>();
  let cluster: TestCluster;

  beforeEach(async () => {
    upgraded.clear();
    cluster = await createTestCluster(3, {
      machines: [
        { type: Stock, create: (node) => (upgraded.has(node) ? new NewStock() : new Stock()) },
        { type: NoOrders, create: (node) => (upgraded.has(node) ? new Orders() : new NoOrders()) },
      ],
      snapshots: { afterEntries: 200, trailingEntries: 20 },
    });
    await cluster.waitForLeader();
  });

  async function load(writes: number): Promise<void> {
    const up = cluster.nodes.filter(({ isUp }) => isUp);
    await Promise.all(Array.from({ length: writes }, (_, at) => up[at % up.length]!.get(Stock).add(`item ${at % 5}`)));
  }

  it('goes on under load, refuses the new ones clearly until every member knows them, and nothing diverges', async () => {
    for (const { name } of cluster.nodes) {
      const underLoad = load(150);
      await cluster.stop(name);
      await underLoad.catch(() => undefined);
      upgraded.add(name);
      await load(150);
      await cluster.restart(name);
      await cluster.waitForLeader();
      await cluster.advance(3000);
      await load(50);
      if (upgraded.size === 3) break;
      const leader = await cluster.waitForLeader();
      await expect(cluster.node(name).get(NewStock).take('item 0')).rejects.toMatchObject({
        code: 'RAFT_REJECTED',
        reason: upgraded.has(leader.name) ? 'NOT_KNOWN_EVERYWHERE' : 'UNKNOWN_COMMAND',
      });
      await expect(cluster.node(name).get(Orders).place('a')).rejects.toMatchObject({ code: 'RAFT_REJECTED' });
    }
    const before = await cluster.node('n1').get(Stock).current('item 0');
    expect(await cluster.node('n2').get(NewStock).take('item 0')).toBe(before - 1);
    expect(await cluster.node('n3').get(Orders).place('a')).toBe(1);
    for (const node of cluster.nodes) {
      expect(await node.get(NewStock).current('item 0')).toBe(before - 1);
      expect(await node.get(Orders).current('a')).toBe(1);
      expect(node.status().phase).toBe('running');
    }
  });

  it('stops a member that meets a command which its build does not have, and never skips it', async () => {
    await cluster.stop('n3');
    for (const name of ['n1', 'n2']) {
      await cluster.stop(name);
      upgraded.add(name);
      await cluster.restart(name);
    }
    const leader = await cluster.waitForLeader({ among: ['n1', 'n2'] });
    expect(await leader.get(NewStock).take('item 0')).toBe(-1);
    await cluster.restart('n3').catch(() => undefined);
    await cluster.waitUntil(() => cluster.node('n3').status().phase === 'failed', 'the old build to stop');
    expect(cluster.node('n3').status().reason).toContain("stock.take, which this node doesn't have");
    upgraded.add('n3');
    await cluster.crash('n3');
    await cluster.restart('n3');
    await cluster.waitUntil(() => cluster.node('n3').status().phase === 'running', 'the new build to run');
    expect(await cluster.node('n3').get(NewStock).current('item 0')).toBe(-1);
  });
});

describe('a rolling deploy of a build whose command has another version', () => {
  const upgraded = new Set<string>();
  let cluster: TestCluster;

  beforeEach(async () => {
    upgraded.clear();
    cluster = await createTestCluster(3, {
      machines: [{ type: Stock, create: (node) => (upgraded.has(node) ? new StockOfTwo() : new Stock()) }],
    });
    await cluster.waitForLeader();
  });

  it('followers first, leader last: the old leader takes nothing into its log that would stop it', async () => {
    const old = await cluster.waitForLeader();
    const followers = cluster.nodes.map(({ name }) => name).filter((name) => name !== old.name);
    for (const name of followers) {
      await cluster.stop(name);
      upgraded.add(name);
      await cluster.restart(name);
      await cluster.advance(3000);
    }
    expect((await cluster.waitForLeader()).name).toBe(old.name);
    for (const name of followers)
      await expect(cluster.node(name).get(StockOfTwo).add('nut', 5)).rejects.toMatchObject({
        code: 'RAFT_REJECTED',
        reason: 'NOT_KNOWN_EVERYWHERE',
        message: expect.stringContaining(
          'stock.add is known to the leader in version 0 only, and was called in version 2',
        ),
      });
    expect(await old.get(Stock).add('nut')).toBe(1);
    await cluster.stop(old.name);
    upgraded.add(old.name);
    await cluster.restart(old.name);
    await cluster.waitForLeader();
    await cluster.advance(3000);
    expect(await cluster.node(followers[0]!).get(StockOfTwo).add('nut', 5)).toBe(6);
    expect(cluster.nodes.map((node) => node.status().phase)).toEqual(['running', 'running', 'running']);
  });

  it('a version that an entry has no room for is refused on whichever node, and never committed as another', async () => {
    const command = encodeCommand({ machine: 'stock', command: 'add', args: ['nut'] });
    for (const { raft } of cluster.nodes)
      for (const schemaVersion of [0x1_0000, -1, 0.5])
        await expect(raft.propose(command, { schemaVersion })).rejects.toMatchObject({
          code: 'RAFT_CONFIGURATION',
          message: `schemaVersion is ${schemaVersion}: write a whole number from 0 to 65535.`,
        });
    expect(await cluster.node('n1').get(Stock).add('nut')).toBe(1);
  });
});
