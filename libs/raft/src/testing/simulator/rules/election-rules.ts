import { decodeConfiguration } from '../../../core/membership/configuration-codec';
import type { Configuration, ConfigurationInForce } from '../../../core/base/configuration';
import type { ReplicaId } from '../../../core/base/types';
import type { DurableLogs } from './commit-ledger';
import { lastIndexOf, termAt, type DiskGroup } from '../simulated/simulated-disk';
import type { Verdict } from '../base/violation';

/**
 * What a replica may act by: the configuration that it holds as committed, that of the snapshot behind which its log was cut,
 * or one whose entry it has and may have learned to be committed since. All are durable before it says anything by them.
 *
 * @param membershipAt what was committed as the membership that is in force at an index
 */
export function configurationsOf(
  { configuration, origin, entries }: DiskGroup,
  membershipAt: (index: number) => ConfigurationInForce | undefined,
): readonly Configuration[] {
  const ofSnapshot = membershipAt(origin.index);
  const held = ofSnapshot !== undefined && ofSnapshot.index > configuration.index ? ofSnapshot : configuration;
  const since = entries.filter(({ kind, index }) => kind === 'configuration' && index > held.index);
  return [held.configuration, ...since.map(({ data }) => decodeConfiguration(data))];
}

/** Only who has a vote asks for votes. */
export function checkCandidate(
  verdict: Verdict,
  who: string,
  replica: ReplicaId,
  configurations: readonly Configuration[],
): void {
  verdict.check(
    configurations.some(({ voters, outgoing }) => voters.includes(replica) || outgoing.includes(replica)),
    'only a voter campaigns',
    () => `${who}, replica ${replica}, has no vote in ${JSON.stringify(configurations.map(votersOf))}`,
  );
}

/**
 * Who leads has the votes of a majority, in a joint configuration of both halves: votes of members, durable, each given once.
 * One who is in a later term may have voted; all others have, or haven't.
 *
 * @param configurations in one of which it was elected: who needs nobody else's vote may commit another before it is heard of
 */
export function checkElected(
  verdict: Verdict,
  who: string,
  term: number,
  replica: ReplicaId,
  configurations: readonly Configuration[],
  logs: DurableLogs,
): void {
  const voted = (id: ReplicaId): boolean => {
    const hardState = logs(id)?.hardState;
    if (hardState === undefined) return false;
    return hardState.term > term || (hardState.term === term && hardState.votedFor === replica);
  };
  const elects = ({ voters, outgoing }: Configuration): boolean =>
    [voters, outgoing].every((half) => half.length === 0 || 2 * half.filter(voted).length > half.length);
  verdict.check(configurations.some(elects), 'a leader is elected by a quorum of members', () => {
    const votes = [...new Set(configurations.flatMap(({ voters, outgoing }) => [...voters, ...outgoing]))].filter(
      voted,
    );
    return `${who}, replica ${replica}, leads term ${term} with the votes of ${votes.join(', ') || 'nobody'}, in ${JSON.stringify(configurations.map(votersOf))}`;
  });
}

/**
 * Whoever is told to campaign at once has a vote, and all of the log (thesis §3.10). A leader may act by a configuration that a
 * quorum of the others has written and it hasn't yet; its successor has it.
 *
 * @param configurations of the leader and of its successor
 */
export function checkSuccessor(
  verdict: Verdict,
  who: string,
  successor: ReplicaId,
  leader: DiskGroup,
  log: DiskGroup | undefined,
  configurations: readonly Configuration[],
): void {
  verdict.check(
    configurations.some(({ voters }) => voters.includes(successor)),
    'the leadership goes to a voter that stays one',
    () => `${who} hands over to replica ${successor}`,
  );
  const last = lastIndexOf(leader);
  verdict.check(
    log !== undefined &&
      (log.hardState.term > leader.hardState.term ||
        termAt(log, last) === termAt(leader, last) ||
        last <= log.origin.index),
    'a successor has all of the log',
    () => `${who} ends at ${last} and hands over to replica ${successor}, which ends at ${log && lastIndexOf(log)}`,
  );
}

function votersOf({ voters, outgoing }: Configuration): readonly (readonly ReplicaId[])[] {
  return outgoing.length === 0 ? [voters] : [voters, outgoing];
}
