import type { RaftStatus } from '../../../runtime/status/status';
import type { ClusterOracle } from '../rules/cluster-oracle';
import type { SimulatedNode } from '../simulated/simulated-node';

/** Whether a healed cluster has come to rest: a leader is there, and all hold the same. */
export class Settlement {
  /** @param isIdle whether no call is under way */
  constructor(
    private readonly nodes: readonly SimulatedNode[],
    private readonly oracle: ClusterOracle,
    private readonly isIdle: () => boolean,
  ) {}

  /**
   * Members, with the store that the membership holds, all there and all alike; the others know that they are none, unless
   * everybody whom they know is none either.
   */
  get isReached(): boolean {
    if (!this.isIdle()) return false;
    const members = this.members();
    const logs = members.map((node) => node.current?.raft.status());
    const leader = logs.find((status) => status?.isLeader);
    const others = this.nodes.filter((node) => !members.includes(node));
    return (
      leader !== undefined &&
      // No change of the membership is left half-way, whoever began it.
      !leader.membershipChanging &&
      logs.length === leader.members.length - this.nodes.filter(({ wiped }) => wiped).length &&
      logs.every(
        (status) =>
          status?.phase === 'running' &&
          status.appliedIndex === leader.lastIndex &&
          status.membershipIndex === leader.membershipIndex &&
          status.isLeader === (status === leader),
      ) &&
      others.every((node) => this.isOut(node, leader))
    );
  }

  private isOut(node: SimulatedNode, leader: RaftStatus): boolean {
    if (node.isDormant || (node.wiped && node.quarantined)) return true;
    const status = node.current?.raft.status();
    if (status?.phase !== 'running') return status?.phase === 'removed';
    const knows = (id: number): boolean => id !== status.replicaId && status.members.some((member) => member.id === id);
    return !leader.members.some(({ id }) => knows(id));
  }

  members(): readonly SimulatedNode[] {
    const members = this.oracle.membership?.configuration.members ?? [];
    return this.nodes.filter(
      // A disk that was put back to an earlier state still has its incarnation.
      ({ disk, wiped }) => !wiped && members.some(({ incarnation }) => incarnation === disk.incarnation),
    );
  }

  describe(): string {
    return this.nodes.map(describeNode).join('\n');
  }
}

function describeNode(node: SimulatedNode): string {
  const status = node.current?.raft.status();
  if (status === undefined) return `  ${node.name} is ${node.isDormant ? 'no member' : 'down'}`;
  const { phase, role, term, lastIndex, durableIndex, commitIndex, appliedIndex, reason, members } = status;
  return (
    `  ${node.name}${node.wiped ? ' (wiped)' : ''}: ${phase}, ${role} in term ${term}, last ${lastIndex}, durable ${durableIndex}, ` +
    `committed ${commitIndex}, applied ${appliedIndex}, members ${members.map(({ name, id, role: part }) => `${name}/${id} ${part}`).join(' ')} ${reason}`
  );
}
