import { FreshnessMarks } from '../../libs/raft/src/core/state/freshness';
import { ELECTION_TICKS, KernelCluster } from './kernel-cluster';

describe('how old the state of a replica is', () => {
  it('nothing is known before a leader has echoed an answer', () => {
    const cluster = new KernelCluster();

    expect(cluster.node('n2').kernel.freshness(cluster.nowMs)).toBeUndefined();
  });

  it('is bounded on a follower by the echo of its own answer and the age of the leader’s quorum', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    for (let beat = 0; beat < 3; beat++) cluster.heartbeat('n1');

    const freshness = cluster.node('n2').kernel.freshness(cluster.nowMs)!;
    expect(freshness.index).toBe(n1.kernel.commitIndex);
    expect(freshness.ageMs).toBe(200);
    expect(cluster.node('n2').kernel.freshness(cluster.nowMs + 500)!.ageMs).toBe(700);
  });

  it('is nothing that a leader can tell before it has committed in its term: more may be committed than it knows of', () => {
    const log = [1, 1, 1];
    const cluster = new KernelCluster({
      stores: { n1: { log, commitIndex: 1 }, n2: { log, commitIndex: 1 }, n3: { log, commitIndex: 3 } },
    });
    const [n1, n2] = cluster.all;
    cluster.partition(['n1', 'n2'], ['n3']);
    cluster.hold((message) => message.kind === 'appendEntriesReply');
    n1.campaign();
    cluster.deliver();
    for (let beat = 0; beat < 3; beat++) cluster.heartbeat('n1');
    expect([n1.role, n1.kernel.commitIndex]).toEqual(['leader', 1]);
    expect(n2.kernel.freshness(cluster.nowMs)).toBeUndefined();

    cluster.release();
    for (let beat = 0; beat < 3; beat++) cluster.heartbeat('n1');
    expect(n2.kernel.freshness(cluster.nowMs)).toEqual({ index: 4, ageMs: 200 });
  });

  it('grows on a follower of a leader that is cut off from the quorum, however often it hears it', () => {
    const cluster = new KernelCluster({ nodes: 5 });
    cluster.elect('n1');
    for (let beat = 0; beat < 3; beat++) cluster.heartbeat('n1');
    cluster.partition(['n1', 'n2'], ['n3', 'n4', 'n5']);

    cluster.tick(ELECTION_TICKS - 10, 'n1', 'n2');

    const { nowMs } = cluster;
    expect(cluster.node('n2').kernel.freshness(nowMs)!.ageMs).toBeGreaterThanOrEqual((ELECTION_TICKS - 10) * 20);
    expect(cluster.node('n1').kernel.freshness(nowMs)!.ageMs).toBeGreaterThanOrEqual((ELECTION_TICKS - 10) * 20 - 100);
  });

  it('counts only what is applied', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    for (let beat = 0; beat < 3; beat++) cluster.heartbeat('n1');
    const n2 = cluster.node('n2');
    n2.applyHeld = true;
    n1.propose('a');
    cluster.deliver();
    cluster.wait(1000);
    for (let beat = 0; beat < 3; beat++) cluster.heartbeat('n1');

    expect(n2.kernel.freshness(cluster.nowMs)!.ageMs).toBeGreaterThan(1000);
    n2.finishApplying();
    expect(n2.kernel.freshness(cluster.nowMs)!.ageMs).toBe(200);
  });

  it('an echo of another life counts for nothing', () => {
    const marks = new FreshnessMarks(1_000_000, 500);

    marks.learn(7, 300, 0, 600);
    marks.learn(7, 5_000_000, 0, 600);
    marks.learn(7, 1_000_400, 0, 600);
    expect(marks.at(9, 600)).toBeUndefined();

    marks.learn(7, 1_000_550, 10, 600);
    expect(marks.at(9, 600)).toEqual({ index: 7, ageMs: 60 });
    expect(marks.at(6, 600)).toBeUndefined();
  });
});
