import { MAX_TERM, RolledBackStoreError } from '../../libs/raft/src/core';
import { KernelCluster } from './kernel-cluster';
import { at, from } from './message-from';

describe('safety 29: terms', () => {
  it('have no relative bound: a node that was away for 10,000 elections comes back, and follows', () => {
    const cluster = new KernelCluster();
    const [n1, n2, n3] = cluster.all;
    cluster.elect('n1');
    n3.crash();
    n2.receive(from(n1, 10_000).heartbeat(n2));
    cluster.deliver();
    expect(n2.kernel.status.term).toBe(10_000);
    n2.campaign();
    cluster.deliver();
    n2.propose('kept');
    cluster.deliver();
    const { term } = n2.kernel.status;
    expect(term).toBeGreaterThan(10_000);

    n3.restart();
    n2.connectionClosed(n3);
    n2.connectionOpened(n3);
    cluster.heartbeat('n2');
    cluster.deliver();
    expect(n3.kernel.status).toMatchObject({ term, role: 'follower' });
    expect(n3.commands).toEqual(['kept']);
  });

  it('are believed up to the limit, and not above it, wherever a message has them', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    const before = n2.kernel.status.term;
    const forged = MAX_TERM + 1;
    n2.receive(from(n1, forged).heartbeat(n2));
    n2.receive(from(n1, 2).appendEntries(n2, at(0, 0), [forged]));
    n2.receive(from(n1, 2).appendEntries(n2, at(forged, 1), []));
    expect(n2.kernel.status.term).toBe(before);
    expect(n2.kernel.lastIndex).toBe(0);

    n2.receive(from(n1, MAX_TERM).heartbeat(n2));
    expect(n2.kernel.status.term).toBe(MAX_TERM);
  });

  it('end at the limit: nobody campaigns for one above it', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n2.receive(from(n1, MAX_TERM).heartbeat(n2));
    n2.campaign();
    cluster.deliver();
    expect(n2.kernel.status).toMatchObject({ term: MAX_TERM, role: 'follower' });
  });
});

describe('an accusation counts from a member alone', () => {
  const UNKNOWN = { from: 77, incarnation: 'a store that no configuration holds' };

  it('one who is none puts no store in quarantine, and stops nobody, by what it says was acknowledged', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n2.receive(from(n1, 1).appendEntries(n2, at(0, 0), [1, 1], 2));
    const { commitIndex } = n2.kernel;
    n2.receive({ ...from(n1, 2).heartbeat(n2), commit: 99, ...UNKNOWN });
    n2.receive({ ...from(n1, 2).appendEntries(n2, at(2, 99), [], 0, 99), ...UNKNOWN });
    n2.receive({ ...from(n1, 2).appendEntries(n2, at(2, 1), [], 0, 0), ...UNKNOWN });
    expect(n2.kernel.lastIndex).toBe(2);
    expect(n2.kernel.commitIndex).toBe(commitIndex);

    expect(() => n2.receive({ ...from(n1, 3).heartbeat(n2), commit: 99 })).toThrow(RolledBackStoreError);
  });

  it('nor does one who says that it leads the term of a leader that is known', () => {
    const cluster = new KernelCluster();
    const [n1, n2] = cluster.all;
    n2.receive(from(n1, 5).heartbeat(n2));
    n2.receive({ ...from(n1, 5).heartbeat(n2), ...UNKNOWN });
    expect(n2.kernel.status).toMatchObject({ term: 5, leader: n1.id });
  });
});
