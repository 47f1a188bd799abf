import {
  CommandContext,
  createReplicated,
  QueryContext,
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type SnapshotSource,
  StateMachineHost,
} from 'nestjs-raft';
import type { RequestMessage } from '../../libs/raft/src/transport/contract';
import { VirtualCluster, watch, type VirtualNode } from './virtual-cluster';

@RaftStateMachine('tally')
class Tally {
  private readonly values = new SnapshotMap<string, number>();

  @RaftCommand()
  add(_context: CommandContext, name: string): number {
    const value = (this.values.get(name) ?? 0) + 1;
    this.values.set(name, value);
    return value;
  }

  @RaftQuery()
  count(_context: QueryContext, name: string): number {
    return this.values.get(name) ?? 0;
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

const LONG_MS = 120_000;

describe('A command is applied once', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  const made = (name: string): VirtualNode =>
    cluster.make(name, { stateMachine: new StateMachineHost([new Tally()]), snapshots: { trailingEntries: 0 } });
  const on = ({ raft }: VirtualNode) => createReplicated(Tally, raft);

  async function started(size = 3): Promise<VirtualNode> {
    cluster = new VirtualCluster(size);
    const nodes = cluster.founders.map(({ id }) => made(id));
    await cluster.ends(Promise.all(nodes.map(({ raft }) => raft.start())));
    const leader = await cluster.leaderKnown();
    await cluster.pass(500);
    return leader;
  }

  async function restarted(node: VirtualNode): Promise<VirtualNode> {
    await cluster.kill(node);
    const again = made(node.name);
    await cluster.ends(again.raft.start());
    return again;
  }

  const countOn = (node: VirtualNode, name = 'a'): Promise<number> => cluster.ends(on(node).count(name));

  /** Everything that another node asks of this one. */
  function asked(node: VirtualNode, method: string): RequestMessage[] {
    const heard: RequestMessage[] = [];
    const host = cluster.network.listenerAt(node.address)!.host!;
    const receive = host.receive.bind(host);
    host.receive = (message, sender) => {
      if (message.kind === 'request' && message.method === method) heard.push(message);
      receive(message, sender);
    };
    return heard;
  }

  function holdAllDisks(): () => void {
    const nodes = [...cluster.nodes.values()];
    for (const { storage } of nodes) storage.hold('persist');
    return () => nodes.forEach(({ storage }) => storage.release('persist'));
  }

  describe('that a follower sends on', () => {
    it('trap 38: though its connection broke behind it, and it is sent again to the same leader', async () => {
      const leader = await started();
      const [origin] = cluster.followers();
      await cluster.ends(on(origin!).add('other'));
      const sent = asked(leader, 'propose');
      const release = holdAllDisks();
      const write = watch(on(origin!).add('a'));
      await cluster.pass(20);
      cluster.network.partition([origin!.address], [leader.address]);
      await cluster.pass(20);
      cluster.network.heal();
      await cluster.until(() => sent.length > 1);
      release();
      await cluster.until(() => write.settled);
      expect(write.value).toBe(1);
      await cluster.pass(500);
      expect(await countOn(leader)).toBe(1);
    });

    it('trap 38: though its leader died behind it, and the next one has it in its log already', async () => {
      const leader = await started();
      const [origin, other] = cluster.followers();
      await cluster.ends(on(origin!).add('other'));
      const { lastIndex } = leader.raft.status();
      // The followers have the entry, and their acknowledgements are lost.
      cluster.network.cut(origin!.address, leader.address);
      const write = watch(on(other!).add('a'));
      other!.storage.hold('persist');
      await cluster.until(() => other!.raft.status().lastIndex > lastIndex);
      await cluster.kill(leader);
      other!.storage.release('persist');
      await cluster.until(() => write.settled);
      expect(write.value).toBe(1);
      await cluster.leaderKnown();
      for (const node of cluster.nodes.values()) expect(await countOn(node)).toBe(1);
    });

    it('and answered by the next leader where the old one was stopped before it was decided', async () => {
      const leader = await started();
      const [origin, other] = cluster.followers();
      await cluster.ends(on(origin!).add('other'));
      cluster.network.partition([leader.address], [other!.address]);
      cluster.network.cut(leader.address, origin!.address);
      const write = watch(on(origin!).add('a'));
      await cluster.pass(30);
      await cluster.ends(leader.raft.stop());
      cluster.nodes.delete(leader.name);
      cluster.network.heal();
      await cluster.until(() => write.settled);
      expect(write.value).toBe(1);
      expect(await countOn(other!)).toBe(1);
    });

    it('though only the connection is down over which its answer has to come', async () => {
      const leader = await started();
      const [origin] = cluster.followers();
      await cluster.ends(on(origin!).add('other'));
      cluster.network.cut(leader.address, origin!.address);
      const write = watch(on(origin!).add('a'));
      await cluster.pass(300);
      expect(await countOn(leader)).toBe(1);
      expect(write.settled).toBe(false);
      cluster.network.mend(leader.address, origin!.address);
      await cluster.until(() => write.settled, 6000);
      expect(write.value).toBe(1);
      expect(await countOn(leader)).toBe(1);
    });

    it('in a session that is opened anew where it was idle for too long', async () => {
      const leader = await started();
      const [origin] = cluster.followers();
      const opened = asked(leader, 'session');
      for (let round = 1; round <= 3; round++) {
        expect(await cluster.ends(on(origin!).add('a'))).toBe(round);
        await cluster.pass(60_000);
      }
      expect(opened.length).toBe(3);
    });

    it('and is indeterminate where the session that tells its repetitions expired between two attempts', async () => {
      const leader = await started();
      const [origin, other] = cluster.followers();
      await cluster.ends(on(origin!).add('other'));
      cluster.network.cut(leader.address, origin!.address);
      const write = watch(on(origin!).$timeout(LONG_MS).add('a'));
      await cluster.pass(100);
      cluster.network.partition([origin!.address], [leader.address, other!.address]);
      await cluster.pass(40_000);
      cluster.network.heal();
      await cluster.until(() => write.settled, LONG_MS);
      expect(write.code).toBe('RAFT_INDETERMINATE');
      expect(await countOn(leader)).toBe(1);
    });

    it('many at a time, whatever the network loses, repeats and cuts', async () => {
      const leader = await started();
      const [origin, other] = cluster.followers();
      cluster.network.setFaults({ minDelayMs: 1, maxDelayMs: 40, duplicateRate: 0.3, dropRate: 0.1 });
      const writes: Promise<number>[] = [];
      for (let round = 0; round < 20; round++) {
        for (const node of [origin!, other!, leader]) writes.push(on(node).$timeout(LONG_MS).add('a'));
        await cluster.pass(30);
        if (round % 7 === 3) cluster.network.partition([origin!.address], [leader.address]);
        if (round % 7 === 5) cluster.network.heal();
      }
      cluster.network.heal();
      cluster.network.setFaults({ duplicateRate: 0, dropRate: 0, maxDelayMs: 1 });
      const results = await cluster.ends(Promise.all(writes), LONG_MS);
      expect([...results].sort((left, right) => left - right)).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
      expect(await countOn(leader)).toBe(60);
    });
  });

  describe('in a client session', () => {
    it('trap 38: and answered as the first time from every node, after a snapshot, a restart and a change of the leader', async () => {
      const leader = await started();
      const session = await cluster.ends(leader.raft.openSession({ ttlMs: LONG_MS }));
      const ticket = session.reserve();
      const first = await cluster.ends(on(leader).$session(ticket).$ordered().add('a'));
      expect(first.value).toBe(1);
      const { id } = session;
      const nextSequence = session.nextSequence - 1;
      session.detach();
      const retried = async (node: VirtualNode): Promise<void> => {
        const resumed = node.raft.resumeSession({ id, nextSequence, ttlMs: LONG_MS });
        const again = await cluster.ends(on(node).$session(resumed.reserve()).$ordered().add('a'));
        resumed.detach();
        expect(again).toEqual(first);
      };
      for (const node of cluster.nodes.values()) await retried(node);
      for (const node of cluster.nodes.values()) await cluster.ends(node.raft.snapshot());
      for (const node of [...cluster.followers(), leader]) {
        await cluster.ends(on(node).add('other'));
        await restarted(node);
        await cluster.leaderKnown();
      }
      for (const node of cluster.nodes.values()) await retried(node);
      expect(await countOn(cluster.node('n1'))).toBe(1);
    });

    it('each by itself, and says of one whose answer was acknowledged that it is gone', async () => {
      const leader = await started(1);
      const session = await cluster.ends(leader.raft.openSession());
      const inSession = on(leader).$session(session);
      for (let count = 1; count <= 3; count++) expect(await cluster.ends(inSession.add('a'))).toBe(count);
      const old = leader.raft.resumeSession({ id: session.id, nextSequence: 1 });
      expect((await cluster.outcome(on(leader).$session(old).add('a'))).code).toBe('RAFT_SESSION_EXPIRED');
      expect(await countOn(leader)).toBe(3);
      await cluster.ends(session.close());
      await cluster.ends(session.close());
      expect((await cluster.outcome(inSession.add('a'))).code).toBe('RAFT_SESSION_EXPIRED');
    });

    it('which lives while it is open, and ends by the log where nobody keeps it, though the cluster is idle', async () => {
      const leader = await started();
      const kept = await cluster.ends(leader.raft.openSession({ ttlMs: 2000 }));
      const left = await cluster.ends(cluster.followers()[0]!.raft.openSession({ ttlMs: 2000 }));
      left.detach();
      await cluster.pass(10_000);
      expect(kept.isExpired).toBe(false);
      expect(await cluster.ends(on(leader).$session(kept).add('a'))).toBe(1);
      const { id } = left;
      const resumed = leader.raft.resumeSession({ id, nextSequence: 1, ttlMs: 2000 });
      expect((await cluster.outcome(on(leader).$session(resumed).add('a'))).code).toBe('RAFT_SESSION_EXPIRED');
      await cluster.until(() => resumed.isExpired);
      kept.detach();
      await cluster.pass(10_000);
      // Nothing is due any more, and so nothing is written.
      const { lastIndex } = leader.raft.status();
      await cluster.pass(60_000);
      expect(leader.raft.status().lastIndex).toBe(lastIndex);
    });

    it('which says what cannot be', async () => {
      const leader = await started(1);
      expect((await cluster.outcome(leader.raft.openSession({ ttlMs: 10 }))).code).toBe('RAFT_CONFIGURATION');
      expect(() => leader.raft.resumeSession({ id: 'x', nextSequence: 0 })).toThrow(/nextSequence of a session is 0/);
      expect(() => on(leader).$session({} as never)).toThrow(/what openSession\(\) gave/);
      expect(() => on(leader).$idempotencyKey('')).toThrow(/1 to 255 bytes/);
      expect(() =>
        on(leader)
          .$idempotencyKey('k')
          .$session(leader.raft.resumeSession({ id: 'x', nextSequence: 1 })),
      ).toThrow(/not both/);
    });
  });

  describe('under an idempotency key', () => {
    it('trap 38: from any node, and another command under it is a conflict', async () => {
      const leader = await started();
      const [origin, other] = cluster.followers();
      const first = await cluster.ends(on(origin!).$idempotencyKey('order 1').$ordered().add('a'));
      for (const node of [other!, leader])
        expect(await cluster.ends(on(node).$ordered().$idempotencyKey('order 1').add('a'))).toEqual(first);
      const conflict = await cluster.outcome(on(other!).$idempotencyKey('order 1').add('b'));
      expect(conflict.code).toBe('RAFT_CONFLICT');
      expect(await countOn(other!)).toBe(1);
    });

    it('though its leader died behind it', async () => {
      const leader = await started();
      const [origin, other] = cluster.followers();
      const release = holdAllDisks();
      const write = watch(on(origin!).$idempotencyKey('k').add('a'));
      await cluster.pass(50);
      await cluster.kill(leader);
      release();
      await cluster.until(() => write.settled);
      expect(write.value).toBe(1);
      expect(await countOn(other!)).toBe(1);
    });
  });

  it('and a group whose machine keeps no sessions says so', async () => {
    cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();
    const opened = await cluster.outcome(leader.raft.openSession());
    expect([opened.code, opened.message]).toEqual(['RAFT_CONFIGURATION', expect.stringContaining('keeps no sessions')]);
  });
});
