import { makeEntry, type Proposal } from '../base/entry';
import { invariant } from '../base/invariant';
import { isSoleVoter, isVoter } from '../membership/membership';
import { voteResult } from '../membership/quorum';
import { sendRound } from './reads';
import { addProgress } from './replication';
import type { KernelState } from '../state/state';
import { MAX_TERM, NO_REPLICA, type ReplicaId } from '../base/types';

const NOTHING = new Uint8Array(0);
const NO_OP: Proposal = { kind: 'noop', schemaVersion: 0, data: NOTHING };

/**
 * Draws the next election time-out (thesis §3.4): from the whole range, or a short one where the leader is known to be gone.
 * The short one doubles with each campaign that got no result in time, up to the whole range: answers whose way takes longer
 * than the short wait would be late for every campaign, and there would never be a leader.
 */
export function resetElectionTimer(state: KernelState): void {
  const { electionTicks, random } = state.options;
  const shortest = state.leaderUnreachable ? (electionTicks / 5) * 2 ** state.campaignsInVain : electionTicks;
  const least = Math.min(shortest, electionTicks);
  state.electionElapsedTicks = 0;
  state.electionTimeoutTicks = random.between(Math.ceil(least), Math.ceil(2 * least));
}

/**
 * The first wait after the leader's connection closed: long enough that two followers seldom campaign at once, far shorter
 * than the whole time-out.
 */
export function hastenElection(state: KernelState): void {
  const { electionTicks, random } = state.options;
  const wait = random.between(1, 1 + Math.ceil(electionTicks / 5));
  state.electionTimeoutTicks = Math.min(state.electionTimeoutTicks, state.electionElapsedTicks + wait);
}

/** Follows `leader` in `term`, which isn't below this replica's own. The vote is given back only where the term rises. */
export function becomeFollower(state: KernelState, term: number, leader: ReplicaId): void {
  invariant(term >= state.term, () => `the term goes back from ${state.term} to ${term}`);
  if (term > state.term) {
    state.term = term;
    state.votedFor = NO_REPLICA;
    state.persistence.markHardState();
  }
  leaveLeadership(state);
  state.role = followingRole(state);
  state.leaderUnreachable = false;
  state.leader = leader;
  state.votes.clear();
  resetElectionTimer(state);
}

/** A replica without a vote doesn't campaign; but it doesn't go on believing in a leader that it hears no more, either. */
export function forgetSilentLeader(state: KernelState): void {
  resetElectionTimer(state);
  if (!isVoter(state.configuration.configuration, state.self)) state.leader = NO_REPLICA;
}

export function followingRole(state: KernelState): 'follower' | 'learner' {
  return state.configuration.configuration.learners.includes(state.self) ? 'learner' : 'follower';
}

/** Asks first whether a campaign could win, so that a node which is cut off doesn't raise its term (thesis §9.6). */
export function campaign(state: KernelState): void {
  if (!state.promotable || state.term >= MAX_TERM || state.role === 'leader' || keepsLease(state)) return;
  if (isSoleVoter(state.configuration.configuration, state.self)) {
    becomeCandidate(state, false);
    return;
  }
  if (state.role === 'preCandidate' || state.role === 'candidate') state.campaignsInVain++;
  state.role = 'preCandidate';
  state.leader = NO_REPLICA;
  startVote(state);
  for (const id of otherVoters(state)) {
    const { lastId, commitId } = state.log;
    const request = {
      ...state.header(id, state.term + 1),
      kind: 'preVote' as const,
      lastLog: lastId,
      commit: commitId,
    };
    state.sendAfterPersist(request, lastId.index);
  }
  concludeVote(state);
}

/** Raises the term and asks for votes (thesis §3.4). The requests leave only when the term and this replica's own vote are durable. */
export function becomeCandidate(state: KernelState, leadershipTransfer: boolean): void {
  state.role = 'candidate';
  state.leader = NO_REPLICA;
  state.term += 1;
  state.votedFor = state.self;
  state.persistence.markHardState();
  startVote(state);
  for (const id of otherVoters(state)) {
    const { lastId, commitId } = state.log;
    const request = {
      ...state.header(id),
      kind: 'requestVote' as const,
      lastLog: lastId,
      commit: commitId,
      leadershipTransfer,
    };
    state.sendAfterPersist(request, lastId.index);
  }
  concludeVote(state);
}

/** Counts the votes; a campaign ends here where they suffice for either end. */
export function concludeVote(state: KernelState): void {
  const result = voteResult(state.configuration.configuration, (id) => state.votes.get(id));
  if (result === 'pending') return;
  if (result === 'lost') {
    const hasty = state.leaderUnreachable;
    becomeFollower(state, state.term, NO_REPLICA);
    if (hasty) {
      state.leaderUnreachable = true;
      resetElectionTimer(state);
    }
  } else if (state.role === 'preCandidate') becomeCandidate(state, false);
  else becomeLeader(state);
}

/** Opens its term with an empty entry: until that is committed, nothing of older terms is known to be (thesis §6.4). */
function becomeLeader(state: KernelState): void {
  state.role = 'leader';
  state.leader = state.self;
  state.leaderUnreachable = false;
  state.votes.clear();
  state.electionElapsedTicks = 0;
  state.heartbeatElapsedTicks = 0;
  state.progress.clear();
  state.changeSinceMs = state.nowMs;
  for (const { id } of state.configuration.configuration.members) if (id !== state.self) addProgress(state, id);
  state.termStartIndex = state.log.lastIndex + 1;
  state.log.append(makeEntry(state.termStartIndex, state.term, NO_OP));
  state.uncommittedBytes = state.log.bytesBetween(state.log.commitIndex, state.log.lastIndex);
  sendRound(state);
  state.replicationDue = true;
}

/** While the store stalls, an entry that others have to write shows which of them is well. */
export function appendStallProbe(state: KernelState): void {
  state.log.append(makeEntry(state.log.lastIndex + 1, state.term, NO_OP));
  state.stallProbeIndex = state.log.lastIndex;
  state.replicationDue = true;
}

function leaveLeadership(state: KernelState): void {
  if (state.role !== 'leader') return;
  state.progress.clear();
  state.uncommittedBytes = 0;
  state.replicationDue = false;
  state.transfer = undefined;
  state.leaseIsRevoked = false;
  state.stallProbeIndex = 0;
  state.resignsAfterRound = 0;
  state.cancelUntilMs = undefined;
  state.cancelledAt = undefined;
  for (const context of state.readIndex.clear()) state.outbox.refusedReads.push({ context });
}

function startVote(state: KernelState): void {
  state.votes.clear();
  state.votes.set(state.self, true);
  resetElectionTimer(state);
}

function otherVoters(state: KernelState): readonly ReplicaId[] {
  const { voters, outgoing } = state.configuration.configuration;
  const ids = [...new Set([...voters, ...outgoing])].filter((id) => id !== state.self);
  return ids.sort((left, right) => left - right);
}

/**
 * Whether this replica holds to its leader and lets nobody disturb it (thesis §4.2.3): it leads (and steps down by itself when
 * a quorum is silent), or heard from its leader within the smallest election time-out and its connection still stands. Where
 * there are leases it holds on when it learns of a later term, too: the leader that it confirmed may not know of that term yet,
 * and answers reads by its lease.
 */
export function isSticky(state: KernelState): boolean {
  if (state.role === 'leader') return true;
  const heardMs = state.nowMs - state.leaderContactMs;
  const holdsOn = state.leader !== NO_REPLICA || state.options.leaseMs > 0;
  return holdsOn && heardMs < state.electionTimeoutMs && !state.leaderUnreachable;
}

/** Whether a lease may still rest on this replica's word, given in this life or in an earlier one: then it doesn't campaign. */
function keepsLease(state: KernelState): boolean {
  return state.options.leaseMs > 0 && (isSticky(state) || abstains(state));
}

export function abstains(state: KernelState): boolean {
  return state.nowMs < state.abstainUntilMs && !isSoleVoter(state.configuration.configuration, state.self);
}
