import { type RaftStatus } from 'nestjs-raft';
import { add, ALL, VirtualCluster, watch } from './virtual-cluster';

describe('A node', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  it('refuses calls before it was started, and names the remedy', async () => {
    cluster = new VirtualCluster(1);
    const { raft } = cluster.make('n1');
    const { code, message } = await cluster.outcome(raft.propose(add('a')));
    expect(code).toBe('RAFT_NOT_STARTED');
    expect(message).toMatch(/onApplicationBootstrap/);
    expect(raft.status().phase).toBe('created');
  });

  it('starts without waiting for a quorum; calls wait for one', async () => {
    cluster = new VirtualCluster(3);
    const n1 = cluster.make('n1');
    await cluster.ends(n1.raft.start(), 100);
    const write = watch(n1.raft.propose(add('a')));
    await cluster.pass(1000);
    expect(write.settled).toBe(false);
    await cluster.ends(cluster.make('n2').raft.start());
    await cluster.ends(cluster.make('n3').raft.start());
    await cluster.until(() => write.settled);
    expect(write.code).toBeUndefined();
  });

  it('says in a sentence why its store can not be opened', async () => {
    cluster = new VirtualCluster(1);
    const first = cluster.make('n1');
    await cluster.ends(first.raft.start());
    const second = cluster.make('n1');
    cluster.nodes.set('n1', first);
    const { code, message } = await cluster.outcome(second.raft.start());
    expect(code).toBe('RAFT_STORAGE');
    expect(message).toMatch(/The store could not be opened: .*is open already/);
    await cluster.ends(second.raft.stop());
  });

  it('is silent for twice the proof time where it took its store over from an owner that was killed', async () => {
    cluster = new VirtualCluster(1);
    const first = await cluster.startWithLeader();
    await cluster.ends(first.raft.propose(add('a')));
    await cluster.kill(first);
    const second = cluster.make('n1');
    await cluster.ends(second.raft.start());
    const read = watch(second.raft.query(ALL));
    await cluster.pass(990);
    expect(second.raft.status()).toMatchObject({ phase: 'starting', isLeader: false });
    expect(read.settled).toBe(false);
    await cluster.until(() => read.settled, 200);
    expect(read.code).toBeUndefined();
  });

  it('applies its log anew after a restart, in slices that stay short', async () => {
    cluster = new VirtualCluster(1);
    const first = await cluster.startWithLeader();
    await cluster.ends(Promise.all(Array.from({ length: 2000 }, (_, at) => first.raft.propose(add(`${at}`)))));
    await cluster.ends(first.raft.stop());
    const second = cluster.make('n1', { limits: { logWindowBytes: 4096 } });
    await cluster.ends(second.raft.start());
    await cluster.until(() => second.machine.lines.length === 2000);
    expect(second.machine.lines).toEqual(first.machine.lines);
    expect(Math.max(...second.machine.slices)).toBeLessThanOrEqual(256);
  });

  it('stops where its state machine throws, and leaves the command undecided', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.ends(leader.raft.propose(add('before')));
    leader.machine.fault = new Error('out of memory');
    const write = await cluster.outcome(leader.raft.propose(add('a')));
    expect(write.code).toBe('RAFT_INDETERMINATE');
    expect(leader.raft.status()).toMatchObject({ phase: 'failed', isLeader: false });
    expect(leader.raft.status().reason).toMatch(/state machine failed after entry \d+.*out of memory/);
    expect((await cluster.outcome(leader.raft.query(ALL))).code).toBe('RAFT_FATAL');
    await cluster.until(() => cluster.leaderInsteadOf(leader) !== undefined);
  });

  it('takes no part where its store gives a committed entry back with another term, and says so', async () => {
    cluster = new VirtualCluster(1);
    const first = await cluster.startWithLeader();
    await cluster.ends(first.raft.propose(add('a')));
    await cluster.ends(first.raft.stop());
    const again = cluster.make('n1');
    const entries = again.storage.entries.bind(again.storage);
    again.storage.entries = async (...page) =>
      (await entries(...page)).map((entry) => ({ ...entry, term: entry.term + 1 }));
    await cluster.ends(again.raft.start());
    await cluster.until(() => again.raft.status().phase === 'quarantined', 3000);
    expect(again.raft.status().reason).toMatch(/The store gives entry 1 of term 2, where one of term 1 was committed/);
    expect(again.machine.lines).toEqual([]);
  });

  it('hears of each change of role, term, leader and phase through onStatus', async () => {
    cluster = new VirtualCluster(1);
    const { raft } = cluster.make('n1');
    const seen: RaftStatus[] = [];
    const end = raft.onStatus((status) => seen.push(status));
    raft.onStatus(() => {
      throw new Error('a listener of somebody else');
    });
    await cluster.ends(raft.start());
    await cluster.until(() => seen.some(({ isLeader }) => isLeader));
    expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(['starting', 'bootstrapping', 'running']);
    expect(seen.at(-1)).toMatchObject({ role: 'leader', isLeader: true, leader: { name: 'n1' } });
    end();
    const count = seen.length;
    await cluster.ends(raft.stop());
    expect(seen).toHaveLength(count);
    expect(raft.status()).toMatchObject({ phase: 'stopped', isLeader: false });
  });

  it('says every five seconds which members answer while there is no leader', async () => {
    cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [survivor, other] = cluster.followers();
    await cluster.kill(leader);
    await cluster.kill(other!);
    await cluster.pass(6000);
    const line = survivor!.logged.find((logged) => logged.startsWith('No leader in term'));
    expect(line).toMatch(new RegExp(`${survivor!.name} is this node`));
    expect(line).toMatch(new RegExp(`${leader.name} at ${leader.name}:7001 doesn't \\(`));
  });

  describe('that is stopped', () => {
    it('lets what is under way be decided, refuses what comes, and stops once', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader();
      leader.storage.hold('persist');
      const write = watch(leader.raft.propose(add('a')));
      await cluster.pass(10);
      const stopping = leader.raft.stop();
      expect(leader.raft.stop()).toBe(stopping);
      expect((await cluster.outcome(leader.raft.propose(add('b')))).code).toBe('RAFT_SHUTTING_DOWN');
      leader.storage.release('persist');
      await cluster.ends(stopping);
      expect(write.code).toBeUndefined();
      expect(write.settled).toBe(true);
      expect(leader.raft.status().phase).toBe('stopped');
    });

    it('answers everybody and ends in time, although its store, its machine and its peers hang', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      const [follower] = cluster.followers();
      await cluster.ends(follower!.raft.propose(add('before')));
      await cluster.pass(500);
      leader.storage.hold('persist', 'probe', 'close');
      leader.machine.hold();
      for (const { storage } of cluster.followers()) storage.hold('persist');
      const write = watch(leader.raft.propose(add('a')));
      const forwarded = watch(follower!.raft.propose(add('b')));
      await cluster.pass(50);
      const before = cluster.time.nowMs;
      const stops = Promise.all([leader.raft.stop(), follower!.raft.stop()]);
      await cluster.ends(stops, 6000);
      expect(cluster.time.nowMs - before).toBeLessThanOrEqual(5100);
      expect(write.code).toBe('RAFT_INDETERMINATE');
      expect(write.message).toMatch(/may or may not be applied.*\(it was shut down\)$/);
      expect(['RAFT_INDETERMINATE', 'RAFT_TIMEOUT']).toContain(forwarded.code);
    });

    it('answers a parked call as not applied', async () => {
      cluster = new VirtualCluster(3);
      const n1 = cluster.make('n1');
      await cluster.ends(n1.raft.start());
      const parked = watch(n1.raft.propose(add('a')));
      await cluster.ends(n1.raft.stop(), 100);
      expect(parked.code).toBe('RAFT_SHUTTING_DOWN');
    });

    it('does nothing any more: no timer, no call of the store, no message', async () => {
      cluster = new VirtualCluster(1);
      const leader = await cluster.startWithLeader();
      await cluster.ends(leader.raft.stop());
      const calls: string[] = [];
      leader.storage.before = (operation) => void calls.push(operation);
      await cluster.pass(5000);
      expect(calls).toEqual([]);
      expect(cluster.time.runNext(cluster.time.nowMs + 60_000)).toBe(false);
    });

    it('can be stopped before it was started, and while it starts', async () => {
      cluster = new VirtualCluster(1);
      const never = cluster.make('n1');
      await cluster.ends(never.raft.stop());
      expect((await cluster.outcome(never.raft.start())).code).toBe('RAFT_SHUTTING_DOWN');
      const starting = cluster.make('n1');
      const start = watch(starting.raft.start());
      await cluster.ends(starting.raft.stop());
      expect(start.code).toBe('RAFT_SHUTTING_DOWN');
      expect(starting.raft.status().phase).toBe('stopped');
    });

    it('is missed at once: its peers elect another leader long before the election time-out', async () => {
      cluster = new VirtualCluster(3);
      const leader = await cluster.startWithLeader();
      await cluster.pass(2000);
      const stopping = leader.raft.stop();
      await cluster.ends(stopping);
      const before = cluster.time.nowMs;
      await cluster.until(() => cluster.leaderInsteadOf(leader) !== undefined);
      expect(cluster.time.nowMs - before).toBeLessThan(900);
    });
  });
});
