import type { Configuration, MembershipTarget } from '../base/configuration';
import type { MembershipChange, MembershipResult } from '../base/kernel-api';
import { isJoint } from '../membership/membership';
import { cancelIfWanted } from './membership-cancel';
import {
  isAlive,
  proposeConfiguration,
  quorumAnswers,
  refusalToPropose,
  type Refusal,
  refused,
} from './membership-proposal';
import { firstStep, giveUpStep, jointStep, leaveStep, timedTarget } from '../membership/membership-steps';
import type { Progress } from '../progress/progress';
import { majorityOf } from '../membership/quorum';
import type { KernelState } from '../state/state';
import { mayHandOver, transferLeadership } from './transfer';
import type { ReplicaId } from '../base/types';

/** How long a leader that has lost its vote tries to hand over, in election time-outs, before it steps down without a successor. */
const HAND_OVER_ELECTION_TIMEOUTS = 2.5;
/** How often the deadline of a change is moved on at most: each time is an entry of the log. */
const RENEWAL_MS = 60_000;

/**
 * Proposes the first step of a change of the membership. One at a time, and none before this leader has committed in its term:
 * a configuration of an older term could still be under way (thesis §4.1, and its correction of 2015).
 */
export function changeMembership(state: KernelState, change: MembershipChange): MembershipResult {
  const refusal = refusalOf(state, change);
  if (refusal !== undefined) return refusal;
  const step = firstStep(state.configuration.configuration, change, state.clusterTimeMs);
  if (typeof step === 'string') return refused('invalid', step);
  return { accepted: true, index: proposeConfiguration(state, step), term: state.term };
}

function refusalOf(state: KernelState, change: MembershipChange): Refusal | undefined {
  const { configuration, index } = state.configuration;
  const refusal = refusalToPropose(state);
  if (refusal !== undefined) return refusal;
  const isWaiting = configuration.target !== null && change.supersede !== true;
  if (state.log.hasPendingConfiguration || isJoint(configuration) || isWaiting)
    return refused('inProgress', 'another change of the membership is under way; wait for its end, or cancel it');
  if (change.expectedIndex !== undefined && change.expectedIndex !== index)
    return refused('stale', `the membership is that of index ${index}, and ${change.expectedIndex} was expected`);
  const silence = quorumAnswers(state);
  if (silence !== undefined) return refused('noQuorum', silence);
  return change.force ? undefined : riskOf(state, change);
}

/** Those that have a vote in the end and are alive now have to be a quorum; new ones are waited for before they get it. */
function riskOf(state: KernelState, { members }: MembershipChange): Refusal | undefined {
  const voters = members.filter(({ voter }) => voter);
  const alive = voters.filter(({ id }) => id === 0 || id === state.self || isAlive(state, state.progress.get(id)));
  if (voters.length === 0 || alive.length >= majorityOf(voters.length)) return undefined;
  const silent = voters.filter((voter) => !alive.includes(voter)).map(({ name }) => `'${name}'`);
  return refused(
    'quorumAtRisk',
    `of its ${voters.length} voters ${alive.length} answer, which is no majority; ${silent.join(', ')} ${silent.length === 1 ? 'does' : 'do'} not`,
  );
}

/** Brings a change that is in force to its next step. Every leader does it, so that a leader's end doesn't end the change. */
export function advanceMembership(state: KernelState): void {
  if (state.role !== 'leader' || cancelIfWanted(state)) return;
  const { configuration } = state.configuration;
  const isWaiting = configuration.target !== null || isJoint(configuration);
  if (!isWaiting || !state.committedInTerm || state.log.hasPendingConfiguration || state.transfer !== undefined) return;
  if (isJoint(configuration)) leaveJoint(state, configuration);
  else enterJoint(state, configuration);
}

function enterJoint(state: KernelState, configuration: Configuration): void {
  const { target, voters } = configuration;
  if (target === null) return;
  const newVoters = target.voters.filter((id) => !voters.includes(id));
  const areReady = newVoters.every((id) => {
    const progress = state.progress.get(id);
    return isAlive(state, progress) && progress!.catchUp.isDone(state.nowMs, state.electionTimeoutMs);
  });
  if (areReady) proposeConfiguration(state, jointStep(configuration));
  else judgeDeadline(state, configuration, target, newVoters);
}

/**
 * Moves the deadline on while those that are waited for get further, and gives the change up where it has passed. It is the
 * log's, in the cluster's time: another leader doesn't begin it again.
 */
function judgeDeadline(
  state: KernelState,
  configuration: Configuration,
  target: MembershipTarget,
  newVoters: readonly ReplicaId[],
): void {
  const { clusterTimeMs } = state;
  if (clusterTimeMs === undefined) return;
  const renewed = timedTarget(target, clusterTimeMs);
  if (target.deadlineMs === null) {
    proposeConfiguration(state, { ...configuration, target: renewed });
    return;
  }
  const setMs = target.deadlineMs - target.catchUpTimeoutMs;
  const mayRenew = clusterTimeMs - setMs >= RENEWAL_MS && renewed.deadlineMs! > target.deadlineMs;
  if (mayRenew && newVoters.some((id) => isGettingFurther(state, id)))
    proposeConfiguration(state, { ...configuration, target: renewed });
  else if (clusterTimeMs >= target.deadlineMs) {
    // A leader that has just begun to listen can't tell.
    const unheard = [...state.progress.values()].filter((each) => !each.wasHeard && !isAlive(state, each));
    const step = giveUpStep(
      configuration,
      unheard.map(({ id }) => id),
    );
    proposeConfiguration(state, step);
  }
}

/** One that fetches a snapshot holds no more of the log until it has all of it. */
function isGettingFurther(state: KernelState, id: ReplicaId): boolean {
  const progress = state.progress.get(id);
  if (progress === undefined) return false;
  return progress.grows || (progress.state === 'snapshot' && isAlive(state, progress));
}

/** A leader that loses its vote hands over first (thesis §4.2.2); where nobody takes over it leaves all the same. */
function leaveJoint(state: KernelState, configuration: Configuration): void {
  const staysVoter = configuration.voters.includes(state.self);
  const waitedMs = state.nowMs - state.changeSinceMs;
  if (!staysVoter && waitedMs < HAND_OVER_ELECTION_TIMEOUTS * state.electionTimeoutMs) {
    if (mayHandOver(state)) transferLeadership(state, undefined);
    return;
  }
  if (configuration.autoLeave) proposeConfiguration(state, leaveStep(configuration));
}

/** Counts the rounds of a replica while a change waits for those that shall vote (thesis §4.2.1). */
export function countCatchUp({ configuration, log, nowMs, electionTimeoutMs }: KernelState, progress: Progress): void {
  if (configuration.configuration.target === null) return;
  progress.catchUp.count(progress.matchIndex, log.lastIndex, nowMs, electionTimeoutMs);
}
