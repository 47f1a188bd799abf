import { from } from './message-from';
import { ELECTION_TICKS, ELECTION_TIMEOUT_MS, KernelCluster } from './kernel-cluster';

describe('a leadership transfer', () => {
  it('trap 35: hands over without an election time-out, and loses nothing', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    n1.propose('a');
    cluster.deliver();

    expect(n1.transfer(cluster.node('n2'))).toEqual({ accepted: true, target: 2 });
    cluster.deliver();

    expect([cluster.leaders, n1.term]).toEqual([['n2'], 2]);
    cluster.node('n2').propose('b');
    cluster.deliver();
    expect(cluster.node('n2').commands).toEqual(['a', 'b']);
  });

  it('goes to the follower with most of the log where none is named', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    cluster.cut('n1', 'n2');
    n1.propose('a');
    cluster.deliver();

    expect(n1.transfer()).toEqual({ accepted: true, target: 3 });
    cluster.deliver();
    expect(cluster.leaders).toEqual(['n3']);
  });

  it('trap 35: gives the target what it lacks first, and takes nothing in meanwhile', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    cluster.hold((message) => message.to === 2 && message.kind === 'appendEntries');
    n1.propose('a');
    cluster.deliver();

    n1.transfer(cluster.node('n2'));
    cluster.deliver();
    expect(n1.propose('b')).toEqual({ accepted: false, reason: 'transferring' });
    expect(n1.kernel.isTransferring).toBe(true);
    expect(cluster.sent.filter(({ kind }) => kind === 'timeoutNow')).toEqual([]);

    cluster.release();
    expect(cluster.leaders).toEqual(['n2']);
  });

  it('trap 37: decides here what was taken in before the target campaigns, so that whoever waits for it hears of it', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    cluster.cut('n1', 'n3');
    n1.diskHeld = true;
    n1.propose('a');
    n1.transfer(cluster.node('n2'));
    cluster.deliver();
    expect(cluster.sent.filter(({ kind }) => kind === 'timeoutNow')).toEqual([]);

    cluster.heal();
    cluster.heartbeat('n1');
    n1.storageRecovers();
    cluster.deliver();
    expect([cluster.leaders, n1.commands]).toEqual([['n2'], ['a']]);
  });

  it('trap 35: is given up after one election time-out, and the leader takes proposals in again', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    cluster.cut('n1', 'n2');
    n1.transfer(cluster.node('n2'));

    cluster.tick(ELECTION_TICKS + 1, 'n1', 'n3');

    expect(n1.kernel.isTransferring).toBe(false);
    expect(n1.propose('a').accepted).toBe(true);
    expect(cluster.leaders).toEqual(['n1']);
  });

  it('trap 35: ends with the leadership: who leads again later on takes proposals in', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.hold(({ kind }) => kind === 'timeoutNow');
    n1.transfer(n2);
    cluster.deliver();

    n1.receive(from(n2, 5).heartbeatReply(n1, 1));
    expect([n1.role, n1.kernel.isTransferring]).toEqual(['follower', false]);
    cluster.wait(2 * ELECTION_TIMEOUT_MS);
    cluster.elect('n1');
    expect(n1.propose('a').accepted).toBe(true);
  });

  it('trap 35: is given up where the target loses its vote meanwhile', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.hold(({ kind, to }) => kind === 'timeoutNow' || (kind === 'appendEntries' && to === n2.id));
    n1.changeMembership(['n1', 'n2?', 'n3']);
    expect(n1.transfer(n2).accepted).toBe(true);

    cluster.tick(10, 'n1', 'n3');

    expect(n1.kernel.isTransferring).toBe(false);
    expect(cluster.held.filter(({ kind }) => kind === 'timeoutNow')).toEqual([]);
    expect(n1.propose('a').accepted).toBe(true);
  });

  it('trap 35: once the target campaigns, the old leader steps down instead of going on', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    cluster.hold((message) => message.kind === 'requestVote' || message.kind === 'appendEntries');

    n1.transfer(cluster.node('n2'));
    cluster.deliver();

    expect([n1.role, n1.term]).toEqual(['follower', 2]);
    cluster.release();
    expect(cluster.leaders).toEqual(['n2']);
  });

  it('trap 8: never goes to a learner, to nobody, or to the leader itself', () => {
    const cluster = new KernelCluster({
      configuration: (genesis) => ({ ...genesis, voters: [1, 2], learners: [3] }),
    });
    const n1 = cluster.elect('n1');

    expect(n1.transfer(cluster.node('n3'))).toMatchObject({ reason: 'notVoter' });
    expect(n1.transfer(n1)).toMatchObject({ reason: 'alreadyLeader' });
    expect(cluster.node('n2').transfer()).toMatchObject({ reason: 'notLeader' });
    expect(new KernelCluster({ nodes: 1 }).node('n1').transfer()).toMatchObject({ reason: 'noTarget' });
  });

  it('trap 36: only the leader of this very term is obeyed', () => {
    const cluster = new KernelCluster();
    cluster.elect('n1');
    const n2 = cluster.node('n2');

    n2.receive(from(cluster.node('n3'), 1).timeoutNow(n2));
    n2.receive(from(cluster.node('n1'), 0).timeoutNow(n2));
    n2.receive(from(cluster.node('n1'), 5).timeoutNow(n2));
    expect([n2.role, n2.term]).toEqual(['follower', 1]);

    n2.receive(from(cluster.node('n1'), 1).timeoutNow(n2));
    expect([n2.role, n2.term]).toEqual(['candidate', 2]);
  });

  it('trap 36: a learner does not campaign, whoever asks', () => {
    const cluster = new KernelCluster({
      configuration: (genesis) => ({ ...genesis, voters: [1, 2], learners: [3] }),
    });
    cluster.elect('n1');
    const n3 = cluster.node('n3');

    n3.receive(from(cluster.node('n1'), 1).timeoutNow(n3));

    expect([n3.role, n3.term]).toEqual(['learner', 1]);
  });

  it('trap 33: no lease holds any more in a term in which a replica was told to campaign', () => {
    const cluster = new KernelCluster({ leaseMs: 800 });
    const n1 = cluster.elect('n1');
    cluster.heartbeat('n1');
    n1.read(1, true);
    expect(n1.reads).toHaveLength(1);

    cluster.hold((message) => message.kind === 'timeoutNow');
    n1.transfer(cluster.node('n2'));
    cluster.partition(['n1'], ['n2', 'n3']);
    n1.read(2, true);
    expect(n1.reads).toHaveLength(1);

    cluster.tick(ELECTION_TICKS - 5, 'n1');
    n1.read(3, true);
    expect(n1.reads).toHaveLength(1);
  });
});

describe('a leader whose store stalls', () => {
  it('trap 21: hands over to a replica that has written since', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');

    n1.storageStalls();
    cluster.deliver();

    expect(cluster.leaders).not.toContain('n1');
    expect(cluster.leaders).toHaveLength(1);
  });

  it('leads on where every store stalls, takes nothing in, and goes on when it has recovered', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    for (const node of cluster.nodes) node.diskHeld = true;
    n1.storageStalls();

    cluster.tick(5 * ELECTION_TICKS);
    expect(cluster.leaders).toEqual(['n1']);
    expect(n1.propose('a')).toEqual({ accepted: false, reason: 'busy' });

    for (const node of cluster.nodes) node.storageRecovers();
    cluster.deliver();
    expect(n1.propose('a').accepted).toBe(true);
    cluster.deliver();
    expect([cluster.leaders, n1.commands]).toEqual([['n1'], ['a']]);
  });

  it('leads on where the others would be no quorum without it', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    cluster.node('n3').crash();

    n1.storageStalls();
    cluster.tick(2 * ELECTION_TICKS, 'n1', 'n2');

    expect(cluster.leaders).toEqual(['n1']);
  });
});
