/** Quorums, in joint consensus too: with two sets of voters, a majority of each one has to agree (thesis §4.3). */

import type { ReplicaId } from '../base/types';

/** Who has to agree: a majority of `voters`, and within a joint configuration one of `outgoing` too (thesis §4.3). */
export interface Electorate {
  readonly voters: readonly ReplicaId[];
  readonly outgoing: readonly ReplicaId[];
}

/** How many of `count` voters are a majority. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * @param valueOf what each replica has reached
 * @returns the greatest value that a quorum has reached; Infinity for an electorate of nobody
 */
export function quorumValue(electorate: Electorate, valueOf: (id: ReplicaId) => number): number {
  const incoming = majorityValue(electorate.voters, valueOf);
  return electorate.outgoing.length === 0 ? incoming : Math.min(incoming, majorityValue(electorate.outgoing, valueOf));
}

function majorityValue(voters: readonly ReplicaId[], valueOf: (id: ReplicaId) => number): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  if (voters.length === 1) return valueOf(voters[0]!);
  const values = voters.map(valueOf);
  values.sort((left, right) => right - left);
  return values[majorityOf(values.length) - 1]!;
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** @param voteOf true for a grant, false for a refusal, undefined for no answer yet */
export function voteResult(electorate: Electorate, voteOf: (id: ReplicaId) => boolean | undefined): VoteResult {
  const incoming = majorityVote(electorate.voters, voteOf);
  if (electorate.outgoing.length === 0) return incoming;
  const outgoing = majorityVote(electorate.outgoing, voteOf);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}

function majorityVote(voters: readonly ReplicaId[], voteOf: (id: ReplicaId) => boolean | undefined): VoteResult {
  if (voters.length === 0) return 'won';
  const needed = majorityOf(voters.length);
  let granted = 0;
  let refused = 0;
  for (const id of voters) {
    const vote = voteOf(id);
    if (vote === true) granted++;
    else if (vote === false) refused++;
  }
  if (granted >= needed) return 'won';
  return voters.length - refused < needed ? 'lost' : 'pending';
}
