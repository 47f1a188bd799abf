import { RolledBackStoreError } from '../../libs/raft/src/core';
import { KernelCluster } from './kernel-cluster';
import { at, from } from './message-from';

describe('safety 10: a follower that had acknowledged more than it has now', () => {
  it('finds out by the first append of the leader that counted on it, though nothing of it was committed', () => {
    const cluster = new KernelCluster({ nodes: 5 });
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.partition(['n1', 'n2'], ['n3', 'n4', 'n5']);
    n1.propose('x');
    cluster.deliver();
    expect(n1.matchOf(n2)).toBe(2);
    expect(n1.kernel.commitIndex).toBe(1);

    n2.crash();
    n2.disk.entries = n2.disk.entries.slice(0, 1);
    n2.restart();
    n1.connectionClosed(n2);
    n1.connectionOpened(n2);
    expect(() => cluster.deliver()).toThrow(RolledBackStoreError);
  });

  it('finds out, too, where its log is as long as it was, but of an older leader', () => {
    const cluster = new KernelCluster();
    const n2 = cluster.node('n2');
    const n1 = cluster.node('n1');
    n2.receive(from(n1, 1).appendEntries(n2, at(0, 0), [1, 1]));
    expect(() => n2.receive(from(n1, 2).appendEntries(n2, at(2, 2), [], 0, 2))).toThrow(
      /of term 2 at the leader and of term 1 here/,
    );
  });

  it('has nothing to answer for in a term in which it has acknowledged nothing', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    n2.crash();
    n1.propose('x', 'y');
    cluster.deliver();
    n2.restart();
    n1.connectionClosed(n2);
    n1.connectionOpened(n2);
    cluster.deliver();
    cluster.heartbeat('n1');
    expect(n2.commands).toEqual(['x', 'y']);
  });

  it('is not suspected for a rejection that the leader’s own probing brought about', () => {
    const cluster = new KernelCluster();
    const [n1, n2, n3] = cluster.all;
    cluster.elect('n1');
    cluster.partition(['n1'], ['n2', 'n3']);
    n1.propose('lost', 'also lost');
    cluster.deliver();
    n2.campaign();
    cluster.deliver();
    n2.propose('kept');
    cluster.deliver();
    cluster.heal();
    cluster.heartbeat('n2');
    cluster.heartbeat('n2');
    expect(n1.commands).toEqual(n3.commands);
  });

  it('loses nothing durable in a crash: what it had acknowledged is there afterwards, however late it comes back', () => {
    const cluster = new KernelCluster();
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    n1.propose('x', 'y');
    cluster.deliver();
    n2.crash();
    n2.restart();
    n1.connectionClosed(n2);
    n1.connectionOpened(n2);
    cluster.deliver();
    cluster.heartbeat('n1');
    expect(n2.kernel.commitIndex).toBe(3);
  });
});
