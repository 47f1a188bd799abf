import { ELECTION_TICKS, KernelCluster } from './kernel-cluster';
import type { KernelNode } from './kernel-node';

/** A cluster of `voters` nodes; the others run, with an empty store, and aren't members yet. */
function clusterOf(voters: number, nodes: number): KernelCluster {
  return new KernelCluster({
    nodes,
    configuration: (genesis) => ({
      ...genesis,
      members: genesis.members.slice(0, voters),
      voters: genesis.voters.slice(0, voters),
      nextReplicaId: voters + 1,
    }),
  });
}

const placesOf = (node: KernelNode): string =>
  node.kernel.configuration.configuration.members.map(({ peer }) => peer).join(' ');

const swap = [
  { id: 2, peer: 'n3:7001', http: '' },
  { id: 3, peer: 'n2:7001', http: 'http://n3' },
];

describe('an entry that changes addresses alone', () => {
  it('carries all moves of one moment, and changes nobody’s vote', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    expect(n1.changeAddresses(swap)).toMatchObject({ accepted: true });
    cluster.tick(ELECTION_TICKS);
    for (const node of cluster.nodes) {
      expect(placesOf(node)).toBe('n1:7001 n3:7001 n2:7001');
      expect(node.membership).toBe('n1 n2 n3');
    }
  });

  it('passes while learners catch up, and they go on from where they were', () => {
    const cluster = clusterOf(1, 2);
    const n1 = cluster.elect('n1');
    const n2 = cluster.node('n2');
    cluster.cut('n2', 'n1');
    n1.changeMembership(['n1', 'n2'], { catchUpTimeoutMs: 3000 });
    cluster.tick(ELECTION_TICKS);
    const { target } = n1.kernel.configuration.configuration;
    expect(target).not.toBeNull();

    expect(n1.changeAddresses([{ id: 2, peer: 'elsewhere:7001', http: '' }])).toMatchObject({ accepted: true });
    expect(n1.kernel.configuration.configuration.target).toEqual(target);
    // The time that they have doesn't begin again.
    cluster.tick(2.5 * ELECTION_TICKS);
    expect(n1.kernel.configuration.configuration.target).toBeNull();
    expect(n2.membership).toBe('n1');
  });

  it('passes in a joint configuration, decided by both halves, which stay', () => {
    const cluster = new KernelCluster({
      nodes: 5,
      configuration: (genesis) => ({ ...genesis, voters: [1, 4, 5], outgoing: [1, 2, 3], autoLeave: false }),
    });
    const n1 = cluster.elect('n1');
    expect(n1.membership).toBe('n1 (n2) (n3) n4 n5');
    cluster.hold(({ kind, from }) => kind === 'appendEntriesReply' && from > 3);
    expect(n1.changeAddresses(swap)).toMatchObject({ accepted: true });
    cluster.tick(5, 'n1');
    expect(placesOf(n1)).toBe('n1:7001 n2:7001 n3:7001 n4:7001 n5:7001');
    // Two at a time could undo each other.
    expect(n1.changeAddresses(swap)).toMatchObject({ accepted: false, reason: 'inProgress' });

    cluster.release();
    cluster.tick(ELECTION_TICKS);
    expect(placesOf(n1)).toBe('n1:7001 n3:7001 n2:7001 n4:7001 n5:7001');
    expect(n1.membership).toBe('n1 (n2) (n3) n4 n5');
  });

  it('may leave a dead member and another at one address, which keeps nothing from being changed', () => {
    const cluster = clusterOf(3, 4);
    const n1 = cluster.elect('n1');
    n1.changeAddresses([{ id: 2, peer: 'n3:7001', http: '' }]);
    cluster.tick(ELECTION_TICKS);
    expect(placesOf(n1)).toBe('n1:7001 n3:7001 n3:7001');
    expect(n1.changeMembership(['n1', 'n2', 'n3', 'n4'])).toMatchObject({ accepted: true });
    cluster.tick(2 * ELECTION_TICKS);
    expect(n1.changeMembership(['n1', 'n2', 'n4'])).toMatchObject({ accepted: true });
    cluster.tick(2 * ELECTION_TICKS);
    expect(n1.membership).toBe('n1 n2 n4');
    // No change gives an address to two, all the same.
    n1.changeAddresses([{ id: 2, peer: 'n9:7001', http: '' }]);
    cluster.tick(ELECTION_TICKS);
    expect(n1.changeMembership(['n1', 'n2', 'n4', 'n9'])).toMatchObject({ accepted: false, reason: 'invalid' });
  });

  it('is refused where this replica does not lead, and for a replica that is no member', () => {
    const cluster = clusterOf(3, 3);
    const n1 = cluster.elect('n1');
    expect(cluster.node('n2').changeAddresses(swap)).toMatchObject({ accepted: false, reason: 'notLeader' });
    expect(n1.changeAddresses([{ id: 7, peer: 'n7:7001', http: '' }])).toMatchObject({
      accepted: false,
      reason: 'invalid',
    });
  });
});
