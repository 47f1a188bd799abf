import { majorityOf } from '../../core/membership/quorum';
import type { TestNode } from './test-node';

/** @returns the leader that most of the members follow, as these nodes see it */
export function leaderAmong(nodes: readonly TestNode[]): TestNode | undefined {
  return nodes.find((node) => {
    if (!node.isLeader) return false;
    const { term, members } = node.status();
    const followers = nodes.filter((other) => {
      const { term: theirs, leader } = other.isUp ? other.status() : { term: -1, leader: null };
      return theirs === term && leader?.name === node.name;
    });
    return followers.length >= majorityOf(members.filter(({ voter }) => voter).length);
  });
}

/** A line for each node. */
export function describeNodes(nodes: readonly TestNode[]): string {
  return nodes.map(describeNode).join('\n');
}

function describeNode(node: TestNode): string {
  if (!node.isUp) return `  ${node.name} is down`;
  const { phase, reason, role, term, leader, lastIndex, commitIndex, appliedIndex } = node.status();
  const follows = leader === null ? 'knows no leader' : `knows ${leader.name} as the leader`;
  return (
    `  ${node.name} is ${phase}${reason === '' ? '' : ` (${reason})`}, ${role} in term ${term}, ${follows}: ` +
    `last index ${lastIndex}, committed ${commitIndex}, applied ${appliedIndex}`
  );
}
