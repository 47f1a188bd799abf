import type { PeerMessage, RaftTransport } from '../../libs/raft/src/transport/contract';
import { add, VirtualCluster, watch } from './virtual-cluster';

/** A transport whose way to one address is full: bulk is dropped, what keeps a leader in office still goes. */
class StuckTransport implements RaftTransport {
  readonly protection = 'private';
  stuckAddress: string | undefined;
  readonly handedOver: PeerMessage['kind'][] = [];
  readonly refused: PeerMessage['kind'][] = [];

  constructor(private readonly inner: RaftTransport) {}

  send(address: string, message: PeerMessage): boolean {
    if (address !== this.stuckAddress) return this.inner.send(address, message);
    if (message.kind === 'appendEntries') {
      this.refused.push(message.kind);
      return false;
    }
    this.handedOver.push(message.kind);
    return this.inner.send(address, message);
  }

  start = (host: Parameters<RaftTransport['start']>[0]) => this.inner.start(host);
  connect = (address: string) => this.inner.connect(address);
  disconnect = (address: string) => this.inner.disconnect(address);
  backlogBytes = (address: string) => this.inner.backlogBytes(address);
  announce = () => this.inner.announce();
  stop = () => this.inner.stop();
}

describe('safety 18: back-pressure', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  it('of a slow state machine: the leader refuses what it can commit and not apply, and goes on when it can', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader({ limits: { maxUnappliedBytes: 300 } });
    await cluster.ends(leader.raft.propose(add('first')));
    leader.machine.hold();
    const waiting = Array.from({ length: 2 }, (_, at) => watch(leader.raft.propose(add(`${at}`.repeat(60)))));
    await cluster.pass(200);
    expect(leader.raft.status().queues.uncommittedBytes).toBe(0);
    const { code } = await cluster.outcome(leader.raft.propose(add('x'.repeat(60))));
    expect(code).toBe('RAFT_BUSY');
    leader.machine.release();
    await cluster.until(() => waiting.every(({ settled }) => settled));
    await cluster.ends(leader.raft.propose(add('again')));
    expect(leader.machine.lines).toEqual(['first', '0'.repeat(60), '1'.repeat(60), 'again']);
  });

  it('of slow stores: the leader refuses what no quorum gets written, and goes on when one does', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader({ limits: { maxUncommittedBytes: 300 } });
    for (const follower of cluster.followers()) follower.storage.hold('persist');
    const waiting = Array.from({ length: 2 }, (_, at) => watch(leader.raft.propose(add(`${at}`.repeat(60)))));
    await cluster.pass(50);
    expect((await cluster.outcome(leader.raft.propose(add('x'.repeat(60))))).code).toBe('RAFT_BUSY');
    expect(leader.raft.status().queues.uncommittedBytes).toBeLessThanOrEqual(300);
    for (const follower of cluster.followers()) follower.storage.release('persist');
    await cluster.until(() => waiting.every(({ settled }) => settled));
    expect(waiting.map(({ code }) => code)).toEqual([undefined, undefined]);
  });

  it('of a peer that reads nothing: appends to it stop, heartbeats go on, and it catches up afterwards', async () => {
    cluster = new VirtualCluster(3);
    const ways = new Map<string, StuckTransport>();
    for (const { id, peer } of cluster.founders) {
      const way = new StuckTransport(cluster.network.transport(peer));
      ways.set(id, way);
      await cluster.ends(cluster.make(id, { transport: way }).raft.start());
    }
    const leader = await cluster.leaderKnown();
    const [stuck] = cluster.followers();
    const way = ways.get(leader.name)!;
    way.stuckAddress = stuck!.address;
    const { term } = leader.raft.status();

    for (let at = 0; at < 200; at++) await cluster.ends(leader.raft.propose(add(`${at}`)));
    await cluster.pass(3000);
    const { members } = leader.raft.status();
    expect(members.find(({ name }) => name === stuck!.name)).toMatchObject({ replication: 'probe', health: 'well' });
    // One attempt for a heartbeat's answer, and one for a write at most: nothing is queued for it.
    expect(way.refused.length).toBeLessThan(300);
    expect(way.handedOver.filter((kind) => kind === 'heartbeat').length).toBeGreaterThan(10);
    expect([leader.raft.status().term, stuck!.raft.status().leader?.name]).toEqual([term, leader.name]);

    way.stuckAddress = undefined;
    await cluster.until(() => stuck!.raft.status().appliedIndex === leader.raft.status().appliedIndex);
  });

  it.each(['propose', 'query'] as const)(
    'of a follower without a leader: calls (%s) that wait are bounded in bytes, not only in number',
    async (kind) => {
      cluster = new VirtualCluster(3);
      await cluster.startWithLeader({ limits: { maxPendingBytes: 1000 } });
      const [follower] = cluster.followers();
      for (const node of [...cluster.nodes.values()]) if (node !== follower) await cluster.kill(node);
      await cluster.until(() => follower!.raft.status().leader === null);
      const call = (bytes: number) => watch<unknown>(follower!.raft[kind](add('x'.repeat(bytes)), { timeoutMs: 2000 }));
      const first = call(400);
      const second = call(400);
      const third = call(400);
      await cluster.pass(10);
      expect([first.settled, second.settled, third.code]).toEqual([false, false, 'RAFT_BUSY']);
      expect(third.message).toMatch(/Calls of \d+ bytes wait in this node already \(limits\.maxPendingBytes\)/);
      // What was answered makes room.
      await cluster.until(() => first.settled && second.settled);
      const large = call(2000);
      await cluster.pass(10);
      expect(large.settled).toBe(false);
      await cluster.until(() => large.settled);
    },
  );
});
