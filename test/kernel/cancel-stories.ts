import { decodeConfiguration } from '../../libs/raft/src/core/membership/configuration-codec';
import { isJoint } from '../../libs/raft/src/core/membership/membership';
import type { Configuration } from '../../libs/raft/src/core';
import { ELECTION_TICKS, KernelCluster, TICK_MS } from './kernel-cluster';
import type { KernelNode } from './kernel-node';

/** A cluster of `voters` nodes; the others run, with an empty store, and aren't members yet. */
export function clusterOf(voters: number, nodes: number): KernelCluster {
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

export const stepsOf = (node: KernelNode): readonly Configuration[] =>
  node.disk.entries.filter(({ kind }) => kind === 'configuration').map(({ data }) => decodeConfiguration(data));

/** n1, n2, n3 become n1, n4, n5; the joint configuration is written, and nobody has acknowledged it yet. */
export function enteringJoint(): KernelCluster {
  const cluster = clusterOf(3, 5);
  const n1 = cluster.elect('n1');
  n1.changeMembership(['n1', 'n2', 'n3', 'n4?', 'n5?']);
  cluster.tick(10);
  cluster.hold(({ kind }) => kind === 'appendEntriesReply' && isJoint(stepsOf(n1).at(-1)!));
  n1.changeMembership(['n1', 'n4', 'n5']);
  cluster.tick(10);
  expect([n1.membership, isJoint(stepsOf(n1).at(-1)!)]).toEqual(['n1 n2 n3 n4? n5?', true]);
  return cluster;
}

/**
 * n1, n2, n3 become n1, n4, n5: n4 and n5 are cut off as the joint configuration comes into force, so the new half is
 * silent. A cancel has to be refused, and writes nothing.
 */
export function cancelWithoutOneHalf(): void {
  const cluster = enteringJoint();
  const n1 = cluster.node('n1');
  n1.cancelChange(60_000);
  cluster.partition(['n1', 'n2', 'n3'], ['n4', 'n5']);
  cluster.wait(ELECTION_TICKS * TICK_MS);
  cluster.inFlight.push(...cluster.held.splice(0).filter(({ from }) => from <= 3));
  cluster.hold(() => false);
  cluster.deliver();
  expect(n1.membership).toBe('n1 (n2) (n3) n4 n5');

  const refusal = n1.kernel.cancelMembershipChange(60_000, cluster.nowMs);

  expect(refusal).toMatchObject({ outcome: 'refused', reason: 'halfSilent' });
  expect(refusal).toMatchObject({ detail: expect.stringContaining('recover') as string });
  expect(isJoint(stepsOf(n1).at(-1)!)).toBe(true);
}
