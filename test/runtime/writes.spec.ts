import type { AppendEntries, AppendEntriesReply, Message } from '../../libs/raft/src/core/base/messages';
import type { RequestMessage } from '../../libs/raft/src/transport/contract';
import { add, settle, valueOf, VirtualCluster, watch, type VirtualNode } from './virtual-cluster';

/** Every message of a kind that reaches a node, before the node takes it. */
function overhear<Kind extends string>(cluster: VirtualCluster, node: VirtualNode, kind: Kind): Message[] {
  const heard: Message[] = [];
  const transport = cluster.network.listenerAt(node.address)!;
  const host = transport.host!;
  const receive = host.receive.bind(host);
  host.receive = (message, sender) => {
    if (message.kind === kind) heard.push(message as Message);
    receive(message, sender);
  };
  return heard;
}

describe('A write', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  it('gets its result and its index on the leader, and everything is on every node', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const result = await cluster.ends(leader.raft.propose(add('a')));
    expect(valueOf(result)).toBe('a');
    expect(result.index).toBeGreaterThan(1);
    await cluster.until(() => [...cluster.nodes.values()].every(({ machine }) => machine.lines.join() === 'a'));
  });

  it('is forwarded to the leader from any other node', async () => {
    cluster = new VirtualCluster(3);
    await cluster.startWithLeader();
    for (const { raft, name } of cluster.followers())
      expect(valueOf(await cluster.ends(raft.propose(add(name))))).toBe(name);
  });

  it('brings the refusal of the state machine as an outcome, over the wire too', async () => {
    cluster = new VirtualCluster(3);
    await cluster.startWithLeader();
    const { value } = await cluster.ends(cluster.followers()[0]!.raft.propose(add('refuse me')));
    expect(value).toEqual({ status: 'rejected', reason: 'NO', message: 'no', details: { line: 'refuse me' } });
  });

  it('is answered neither on the leader nor anywhere before a quorum has it on disk', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [first, second] = cluster.followers();
    await cluster.pass(500);
    first!.storage.hold('persist');
    second!.storage.hold('persist');
    const replies = overhear(cluster, leader, 'appendEntriesReply') as AppendEntriesReply[];
    const write = watch(leader.raft.propose(add('a')));
    await cluster.pass(300);
    expect(first!.storage.writes.at(-1)!.entries).toHaveLength(1);
    expect(
      replies.filter(({ accepted, matchIndex }) => accepted && matchIndex > leader.raft.status().commitIndex),
    ).toEqual([]);
    expect(write.settled).toBe(false);
    first!.storage.release('persist');
    await cluster.until(() => write.settled);
    expect(valueOf(write.value)).toBe('a');
    second!.storage.release('persist');
  });

  it('trap 40: is applied nowhere before it is on the disk of that node, even where it is committed', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.pass(500);
    leader.storage.hold('persist');
    const write = watch(leader.raft.propose(add('a')));
    await cluster.pass(300);
    expect(leader.raft.status().commitIndex).toBe(leader.raft.status().lastIndex);
    expect(leader.machine.lines).toEqual([]);
    expect(write.settled).toBe(false);
    leader.storage.release('persist');
    await cluster.until(() => write.settled);
    expect(valueOf(write.value)).toBe('a');
  });

  it('shares the next write of the store with everything that came meanwhile', async () => {
    cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('warm')));
    leader.storage.hold('persist');
    const first = leader.raft.propose(add('first'));
    await cluster.pass(5);
    const rest = Array.from({ length: 20 }, (_, at) => leader.raft.propose(add(`${at}`)));
    await cluster.pass(5);
    const before = leader.storage.writes.length;
    leader.storage.release('persist');
    await cluster.ends(Promise.all([first, ...rest]));
    expect(leader.storage.writes).toHaveLength(before + 1);
    expect(leader.storage.writes.at(-1)!.entries).toHaveLength(20);
  });

  it('copies its bytes: the caller may use them again, and no two entries share them', async () => {
    cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();
    const bytes = add('again');
    const before = bytes.slice();
    leader.storage.hold('persist');
    const writes = [leader.raft.propose(bytes)];
    await cluster.pass(50);
    writes.push(leader.raft.propose(bytes));
    await cluster.pass(50);
    leader.storage.release('persist');
    await cluster.ends(Promise.all(writes));
    expect(bytes).toEqual(before);
    expect(new Set(leader.machine.times).size).toBe(2);
  });

  it('carries a cluster time that never goes back, whatever the wall clocks say', async () => {
    cluster = new VirtualCluster(3);
    const first = await cluster.startWithLeader();
    await cluster.ends(first.raft.propose(add('a')));
    await cluster.pass(5000);
    await cluster.kill(first);
    const second = await cluster.leaderKnown();
    await cluster.ends(second.raft.propose(add('b')));
    const [a, b] = second.machine.times as [number, number];
    expect(b - a).toBeGreaterThanOrEqual(5000 * 0.99);
    expect(b - a).toBeLessThan(10_000);
  });

  describe('that meets a failing store', () => {
    it('is answered once it is known to have landed, where only the answer of the store was lost', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader();
      leader.storage.afterPersist = () => {
        leader.storage.afterPersist = undefined;
        throw new Error('connection lost behind COMMIT');
      };
      const { value } = await cluster.outcome(leader.raft.propose(add('a')));
      expect(valueOf(value)).toBe('a');
      expect(leader.machine.lines).toEqual(['a']);
    });

    it('is sent again, the same, where it had not landed', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader();
      leader.storage.before = (operation) => {
        if (operation !== 'persist') return;
        leader.storage.before = undefined;
        throw new Error('connection lost before COMMIT');
      };
      const { value } = await cluster.outcome(leader.raft.propose(add('a')));
      expect(valueOf(value)).toBe('a');
      const [again, before] = leader.storage.writes.toReversed();
      expect(again).toBe(before);
    });

    it('is refused as not applied while the store is being recovered', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader();
      leader.storage.before = (operation) => {
        if (operation !== 'close') throw new Error('connection refused');
      };
      const first = watch(leader.raft.propose(add('a')));
      await cluster.pass(100);
      expect((await cluster.outcome(leader.raft.propose(add('b')))).code).toBe('RAFT_STORAGE');
      expect(first.settled).toBe(false);
      leader.storage.before = undefined;
      await cluster.until(() => first.settled);
      expect(valueOf(first.value)).toBe('a');
      await cluster.ends(leader.raft.propose(add('c')));
      expect(leader.machine.lines).toEqual(['a', 'c']);
    });

    it('ends as indeterminate where the store was taken over; the node has stopped and says why', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader();
      leader.storage.hold('persist');
      const write = watch(leader.raft.propose(add('a')));
      await cluster.pass(10);
      cluster.takeStoreFrom(leader);
      leader.storage.release('persist');
      await cluster.until(() => write.settled);
      expect(write.code).toBe('RAFT_INDETERMINATE');
      expect(leader.raft.status()).toMatchObject({ phase: 'failed', isLeader: false });
      expect(leader.raft.status().reason).toMatch(/takes nothing more from this process.*opened by another owner/);
      expect((await cluster.outcome(leader.raft.propose(add('b')))).code).toBe('RAFT_STORAGE');
    });

    it('costs this node its place as a leader where the store stays away', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      leader.storage.before = (operation) => {
        if (operation !== 'close') throw new Error('connection refused');
      };
      const write = watch(leader.raft.propose(add('a'), { timeoutMs: 60_000 }));
      await cluster.until(() => cluster.leaderInsteadOf(leader) !== undefined);
      expect(leader.raft.status().role).not.toBe('leader');
      leader.storage.before = undefined;
      await cluster.until(() => write.settled);
      expect(['a', undefined]).toContain(write.code === undefined ? valueOf(write.value) : undefined);
    });
  });

  describe('that meets a store which hangs', () => {
    it('trap 21: is taken by another leader, where another’s store gets its writes done', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      await cluster.pass(500);
      leader.storage.hold('persist', 'probe');
      const first = watch(leader.raft.propose(add('a'), { timeoutMs: 60_000 }));
      await cluster.until(() => cluster.leaderInsteadOf(leader) !== undefined, 5000);
      expect(valueOf(await cluster.ends(cluster.leaderInsteadOf(leader)!.raft.propose(add('b'))))).toBe('b');
      leader.storage.release('persist', 'probe');
      await cluster.until(() => first.settled);
      expect(valueOf(first.value)).toBe('a');
    });

    it('is refused as not applied where no store gets its writes done, and the leader stays', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      await cluster.pass(500);
      const { term } = leader.raft.status();
      for (const { storage } of cluster.nodes.values()) storage.hold('persist');
      const first = watch(leader.raft.propose(add('a'), { timeoutMs: 60_000 }));
      await cluster.pass(600);
      expect((await cluster.outcome(leader.raft.propose(add('b')))).code).toBe('RAFT_BUSY');
      await cluster.pass(5000);
      expect(leader.raft.status()).toMatchObject({ isLeader: true, term });
      for (const { storage } of cluster.nodes.values()) storage.release('persist');
      await cluster.until(() => first.settled);
      expect(valueOf(first.value)).toBe('a');
      await cluster.pass(50);
      expect(valueOf(await cluster.ends(leader.raft.propose(add('c'))))).toBe('c');
    });
  });

  describe('whose store has lost its connection, and nobody says so', () => {
    it('is written on another session once there was no answer for ten election time-outs, and once only', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader();
      await cluster.ends(leader.raft.propose(add('a')));
      leader.storage.hold('persist', 'probe');
      const write = watch(leader.raft.propose(add('b'), { timeoutMs: 60_000 }));
      await cluster.pass(9_900);
      expect(write.settled).toBe(false);
      const lost = leader.storage.writes.at(-1)!;
      leader.storage.before = () => leader.storage.release('persist', 'probe');
      await cluster.until(() => write.settled, 400);
      expect(valueOf(write.value)).toBe('b');
      expect(leader.storage.writes.filter(({ number }) => number === lost.number)).toHaveLength(2);
      await cluster.pass(500);
      expect(leader.machine.lines).toEqual(['a', 'b']);
      expect(leader.raft.status()).toMatchObject({ phase: 'running', isLeader: true });
    });

    it('is taken by another leader, though the store was only asked whether it is there', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      await cluster.pass(500);
      leader.storage.hold('persist', 'probe');
      await cluster.pass(2000);
      const write = watch(leader.raft.propose(add('a'), { timeoutMs: 60_000 }));
      await cluster.pass(100);
      expect(leader.raft.status().isLeader).toBe(false);
      await cluster.until(() => cluster.leaderInsteadOf(leader) !== undefined, 3000);
      leader.storage.release('persist', 'probe');
      await cluster.until(() => write.settled);
      expect(valueOf(write.value)).toBe('a');
    });

    it('does not let a node campaign that can not write its vote down', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      const [silent, other] = cluster.followers();
      await cluster.pass(500);
      silent!.storage.hold('persist', 'probe');
      await cluster.pass(1500);
      const roles = new Set<string>();
      silent!.raft.onStatus(({ role }) => roles.add(role));
      await cluster.kill(leader);
      await cluster.kill(other!);
      await cluster.pass(5000);
      expect([...roles].filter((role) => role !== 'follower')).toEqual([]);
    });
  });

  describe('whose leader changes', () => {
    it('is answered with its value where the next leader commits the same entry', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      const [next, other] = cluster.followers();
      await cluster.pass(500);
      // The entry reaches one follower, whose answer is lost, and the old leader loses its leadership.
      cluster.network.cut(next!.address, leader.address);
      cluster.network.partition([leader.address], [other!.address]);
      const write = watch(leader.raft.propose(add('a')));
      await cluster.until(() => next!.raft.status().durableIndex === leader.raft.status().lastIndex);
      cluster.network.partition([leader.address], [next!.address]);
      await cluster.until(() => next!.raft.status().isLeader && !leader.raft.status().isLeader);
      cluster.network.heal();
      await cluster.until(() => write.settled);
      expect(valueOf(write.value)).toBe('a');
      expect(leader.machine.lines).toEqual(['a']);
    });

    it('trap 37: does not take the entry of another term at its index for its own, but is put in again', async () => {
      cluster = new VirtualCluster(3);
      const old = await cluster.startWithLeader();
      const others = cluster.followers();
      await cluster.pass(500);
      cluster.network.partition(
        [old.address],
        others.map(({ address }) => address),
      );
      const lost = watch(old.raft.propose(add('lost'), { timeoutMs: 60_000 }));
      const refusing = watch(old.raft.propose(add('refusing'), { timeoutMs: 60_000, forward: false }));
      await cluster.until(() => others.some(({ raft }) => raft.status().isLeader));
      const leader = others.find(({ raft }) => raft.status().isLeader)!;
      await cluster.ends(leader.raft.propose(add('one')));
      await cluster.ends(leader.raft.propose(add('two')));
      expect(lost.settled).toBe(false);
      cluster.network.heal();
      await cluster.until(() => lost.settled && refusing.settled);
      expect(valueOf(lost.value)).toBe('lost');
      expect(['RAFT_NOT_LEADER', 'RAFT_NO_LEADER']).toContain(refusing.code);
      await cluster.until(() => old.machine.lines.length === 3);
      expect(old.machine.lines).toEqual(['one', 'two', 'lost']);
    });

    it('waits out an election, up to its deadline', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      const [survivor] = cluster.followers();
      await cluster.kill(leader);
      const write = await cluster.outcome(survivor!.raft.propose(add('a')));
      expect(valueOf(write.value)).toBe('a');
    });
  });

  describe('that is forwarded', () => {
    it('is indeterminate at once where the connection breaks behind it and no sessions are kept, and is never sent again', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      const [origin] = cluster.followers();
      await cluster.ends(origin!.raft.propose(add('before')));
      leader.storage.hold('persist');
      for (const { storage } of cluster.followers()) storage.hold('persist');
      const write = watch(origin!.raft.propose(add('a')));
      await cluster.pass(50);
      expect(write.settled).toBe(false);
      for (const { storage } of cluster.followers()) storage.release('persist');
      await cluster.kill(leader);
      await cluster.until(() => write.settled, 100);
      expect(write.code).toBe('RAFT_INDETERMINATE');
      await cluster.leaderKnown();
      await cluster.pass(2000);
      expect(cluster.followers()[0]!.machine.lines.length).toBeLessThanOrEqual(2);
    });

    it('is taken once, however often its message comes', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      const [origin] = cluster.followers();
      cluster.network.setFaults({ minDelayMs: 1, maxDelayMs: 40, duplicateRate: 1 });
      const writes = Array.from({ length: 30 }, (_, at) => origin!.raft.propose(add(`${at}`)));
      await cluster.ends(Promise.all(writes));
      await cluster.pass(500);
      expect([...leader.machine.lines].sort()).toEqual(Array.from({ length: 30 }, (_, at) => `${at}`).sort());
    });

    it('is not taken by a later life of the node that it was meant for', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      const [origin] = cluster.followers();
      const requests = overhear(cluster, leader, 'request') as unknown as RequestMessage[];
      await cluster.ends(origin!.raft.propose(add('a')));
      const sender = cluster.network.listenerAt(origin!.address)!.host!.hello();
      await cluster.ends(leader.raft.stop());
      cluster.nodes.delete(leader.name);
      const again = cluster.make(leader.name);
      await cluster.ends(again.raft.start());
      await cluster.leaderKnown();
      cluster.network.listenerAt(again.address)!.host!.receive(requests[0]!, sender);
      await cluster.pass(500);
      for (const { machine } of cluster.nodes.values()) expect(machine.lines).toEqual(['a']);
    });

    it('goes to the new leader where the old one answers that it does not lead', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      const [origin] = cluster.followers();
      const requests = overhear(cluster, leader, 'request');
      leader.storage.before = (operation) => {
        if (operation !== 'close') throw new Error('connection refused');
      };
      await cluster.until(() => leader.raft.status().role !== 'leader');
      const write = await cluster.outcome(origin!.raft.propose(add('a')));
      expect(valueOf(write.value)).toBe('a');
      expect(requests.length).toBeLessThanOrEqual(12);
      leader.storage.before = undefined;
    });
  });

  describe('that can not be decided', () => {
    it('is a time-out where it is in the log, and certainly not applied where no leader was found', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      const followers = cluster.followers();
      const [alone] = followers;
      for (const follower of followers) await cluster.kill(follower);
      const inLog = await cluster.outcome(leader.raft.propose(add('a'), { timeoutMs: 300 }));
      expect(inLog.code).toBe('RAFT_TIMEOUT');
      await cluster.until(() => leader.raft.status().role !== 'leader');
      const parked = await cluster.outcome(leader.raft.propose(add('b'), { timeoutMs: 300 }));
      expect(parked.code).toBe('RAFT_NO_LEADER');
      const hasty = await cluster.outcome(leader.raft.propose(add('c'), { forward: false }), 10);
      expect(hasty.code).toBe('RAFT_NO_LEADER');
      expect(alone).toBeDefined();
    });

    it('is refused at once on a follower that must not forward, with the leader to ask', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      const error = await cluster
        .ends(cluster.followers()[0]!.raft.propose(add('a'), { forward: false }))
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'RAFT_NOT_LEADER', leader: { name: leader.name, peer: leader.address } });
    });

    it('is refused where it is larger than the limit, with the option to change', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader({ limits: { maxCommandBytes: 100 } });
      const error = await cluster.ends(leader.raft.propose(new Uint8Array(101))).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'RAFT_REJECTED', reason: 'COMMAND_TOO_LARGE' });
      expect((error as Error).message).toMatch(/limits\.maxCommandBytes/);
    });

    it('is refused as not applied where the leader has too many undecided bytes', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader({ limits: { maxUncommittedBytes: 200 } });
      await cluster.ends(leader.raft.propose(add('a')));
      leader.storage.hold('persist');
      const waiting = watch(leader.raft.propose(add('x'.repeat(60))));
      await cluster.pass(20);
      expect((await cluster.outcome(leader.raft.propose(add('y'.repeat(60))))).code).toBe('RAFT_BUSY');
      leader.storage.release('persist');
      await cluster.until(() => waiting.settled);
      expect(leader.machine.lines).toEqual(['a', 'x'.repeat(60)]);
    });

    it('is refused as not applied where too many calls wait in the node', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader({ limits: { maxPendingRequests: 2 } });
      leader.storage.hold('persist');
      const waiting = [leader.raft.propose(add('a')), leader.raft.propose(add('b'))];
      expect((await cluster.outcome(leader.raft.propose(add('c')))).code).toBe('RAFT_BUSY');
      leader.storage.release('persist');
      await cluster.ends(Promise.all(waiting));
      expect(leader.machine.lines).toEqual(['a', 'b']);
    });

    it('is refused where the state machine can not run it, before it is in any log', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      await cluster.ends(cluster.followers()[0]!.raft.propose(add('a')));
      leader.machine.refusal = "there is no command 'add'";
      const { lastIndex } = leader.raft.status();
      const error = await cluster
        .ends(cluster.followers()[0]!.raft.propose(add('b')))
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'RAFT_REJECTED', reason: 'UNKNOWN_COMMAND' });
      expect(leader.raft.status().lastIndex).toBe(lastIndex);
    });

    it('is refused where the bytes are no command', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader();
      await cluster.ends(leader.raft.propose(add('a')));
      const error = await cluster.ends(leader.raft.propose(new Uint8Array(5))).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'RAFT_REJECTED', reason: 'MALFORMED_COMMAND' });
    });
  });

  it('sends entries to the followers in parallel with the leader’s own disk', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [follower] = cluster.followers();
    await cluster.pass(500);
    const appends = overhear(cluster, follower!, 'appendEntries') as AppendEntries[];
    leader.storage.hold('persist');
    const write = watch(leader.raft.propose(add('a')));
    await cluster.pass(20);
    await settle();
    expect(appends.some(({ entries }) => entries.length === 1)).toBe(true);
    leader.storage.release('persist');
    await cluster.until(() => write.settled);
  });
});
