import { changeAddresses } from './rules/address-change';
import { checkQuorum } from './rules/check-quorum';
import { advanceCommit, enforceConfiguration } from './rules/commit';
import type { ConfigurationInForce } from './base/configuration';
import { appendStallProbe, becomeFollower, campaign, forgetSilentLeader, hastenElection } from './rules/election';
import type { Effects, KernelStatus } from './base/effects';
import { entrySizeBytes, makeEntry, type Entry, type Proposal } from './base/entry';
import { invariant } from './base/invariant';
import type {
  AddressUpdate,
  CancelResult,
  Freshness,
  Kernel,
  KernelSnapshot,
  MembershipChange,
  MembershipResult,
  ProposeResult,
  ReplicaProgress,
  TransferResult,
} from './base/kernel-api';
import type { KernelOptions } from './base/options';
import { isSoleVoter } from './membership/membership';
import { cancelMembershipChange } from './rules/membership-cancel';
import { advanceMembership, changeMembership } from './rules/membership-change';
import type { Message } from './base/messages';
import type { PersistPipeline } from './state/persist-pipeline';
import { requestRead, sendRound, startRoundIfDue } from './rules/reads';
import { quorumConfirmedAtMs, replicate, sendLoaded } from './rules/replication';
import { beginInstall, compactTo, finishInstall } from './rules/snapshotting';
import { KernelState } from './state/state';
import { step } from './step';
import { advanceTransfer, continueTransfer, tickTransfer, transferLeadership } from './rules/transfer';
import { type LogId, NO_REPLICA, type ReplicaId } from './base/types';

/**
 * The consensus kernel: Raft as a pure, synchronous state machine. The same inputs give the same effects.
 *
 * @publicApi
 */
export class RaftKernel implements Kernel {
  private readonly state: KernelState;
  private touched = true;

  /** @throws InvariantError where the durable state contradicts itself */
  constructor(options: KernelOptions) {
    const state = new KernelState(options);
    this.state = state;
    // What the durable commit index covers is in force before this replica may campaign (thesis §4.1).
    for (const configuration of state.log.configurationsPassed()) {
      state.configurations.add(configuration);
      enforceConfiguration(state, configuration);
    }
    becomeFollower(state, state.term, NO_REPLICA);
    if (isSoleVoter(state.configuration.configuration, state.self)) campaign(state);
    else if (options.newStore) hastenElection(state);
  }

  tick(nowMs: number, clusterTimeMs?: number): void {
    const state = this.input(nowMs);
    state.clusterTimeMs = clusterTimeMs;
    if (state.role === 'leader') this.tickLeader();
    else if (++state.electionElapsedTicks >= state.electionTimeoutTicks)
      if (state.promotable) campaign(state);
      else forgetSilentLeader(state);
  }

  step(message: Message, nowMs: number): void {
    step(this.input(nowMs), message);
  }

  propose(proposals: readonly Proposal[], nowMs: number): ProposeResult {
    const state = this.input(nowMs);
    const { options, log } = state;
    if (state.role !== 'leader')
      return { accepted: false, reason: state.leader === NO_REPLICA ? 'noLeader' : 'notLeader' };
    if (state.transfer !== undefined || state.resignsAfterRound > 0) return { accepted: false, reason: 'transferring' };
    if (state.storageStalled) return { accepted: false, reason: 'busy' };
    const bytes = proposals.reduce((total, proposal) => total + entrySizeBytes(proposal), 0);
    const crowded =
      (state.uncommittedBytes > 0 && state.uncommittedBytes + bytes > options.maxUncommittedBytes) ||
      (state.applying.unappliedBytes > 0 && state.applying.unappliedBytes + bytes > options.maxUnappliedBytes);
    if (crowded) return { accepted: false, reason: 'busy' };
    const firstIndex = log.lastIndex + 1;
    for (const proposal of proposals) log.append(makeEntry(log.lastIndex + 1, state.term, proposal));
    state.uncommittedBytes += bytes;
    state.replicationDue = true;
    return { accepted: true, firstIndex, term: state.term };
  }

  readIndex(context: number, nowMs: number, lease = false): void {
    requestRead(this.input(nowMs), context, lease);
  }

  changeMembership(change: MembershipChange, nowMs: number): MembershipResult {
    return changeMembership(this.input(nowMs), change);
  }

  changeAddresses(updates: readonly AddressUpdate[], nowMs: number): MembershipResult {
    return changeAddresses(this.input(nowMs), updates);
  }

  cancelMembershipChange(waitMs: number, nowMs: number): CancelResult {
    return cancelMembershipChange(this.input(nowMs), waitMs);
  }

  transferLeadership(target: ReplicaId | undefined, nowMs: number): TransferResult {
    return transferLeadership(this.input(nowMs), target);
  }

  installSnapshot(snapshot: KernelSnapshot, nowMs: number): boolean {
    return beginInstall(this.input(nowMs), snapshot);
  }

  snapshotInstalled(snapshot: KernelSnapshot, nowMs: number): void {
    finishInstall(this.input(nowMs), snapshot);
  }

  compacted(to: LogId, nowMs: number): void {
    compactTo(this.input(nowMs), to);
  }

  campaign(nowMs: number): void {
    campaign(this.input(nowMs));
  }

  persisted(batchNumber: number, nowMs: number): void {
    const state = this.input(nowMs);
    state.persistence.persisted(batchNumber);
    state.log.window.shrink(Math.min(state.persistence.durableIndex, state.log.commitIndex));
    advanceCommit(state);
    continueTransfer(state);
  }

  applied(index: number, nowMs: number): void {
    const state = this.input(nowMs);
    state.applying.applied(index);
    state.configurations.applied(index);
  }

  entriesLoaded(requestId: number, entries: readonly Entry[], nowMs: number): void {
    const state = this.input(nowMs);
    entries.forEach((entry, at) =>
      invariant(
        entry.index === entries[0]!.index + at,
        () => `a page from the store has a gap before entry ${entry.index}`,
      ),
    );
    for (const progress of state.progress.values())
      if (progress.loadId === requestId) {
        sendLoaded(state, progress, entries);
        state.replicationDue = true;
        return;
      }
    state.outbox.apply.push(...state.applying.loaded(state.log, requestId, entries));
  }

  peerUnreachable(replica: ReplicaId, nowMs: number): void {
    const state = this.input(nowMs);
    const progress = state.progress.get(replica);
    if (progress?.state === 'replicate') progress.becomeProbe(progress.matchIndex + 1);
    if (state.leader === replica && state.options.fastFailover && !state.leaderUnreachable) {
      state.leaderUnreachable = true;
      state.campaignsInVain = 0;
      hastenElection(state);
    }
  }

  peerReachable(replica: ReplicaId, nowMs: number): void {
    const state = this.input(nowMs);
    const progress = state.progress.get(replica);
    if (progress?.state !== 'probe') return;
    progress.probeSequence = 0;
    state.replicationDue = true;
  }

  storageStalled(nowMs: number): void {
    const state = this.input(nowMs);
    if (state.storageStalled || isSoleVoter(state.configuration.configuration, state.self)) return;
    state.storageStalled = true;
    if (state.role === 'leader') appendStallProbe(state);
    else if (state.role !== 'follower' && state.role !== 'learner') becomeFollower(state, state.term, NO_REPLICA);
  }

  storageLost(nowMs: number): void {
    const state = this.input(nowMs);
    if (isSoleVoter(state.configuration.configuration, state.self)) return;
    state.storageIsLost = true;
    if (state.role !== 'follower' && state.role !== 'learner') becomeFollower(state, state.term, NO_REPLICA);
  }

  storageRecovered(nowMs: number): void {
    const state = this.input(nowMs);
    state.storageStalled = false;
    state.storageIsLost = false;
    state.stallProbeIndex = 0;
  }

  hasEffects(): boolean {
    return this.touched;
  }

  takeEffects(): Effects {
    const { state } = this;
    this.touched = false;
    advanceMembership(state);
    startRoundIfDue(state);
    if (state.replicationDue) {
      state.replicationDue = false;
      replicate(state);
    }
    const taken = state.installing === undefined ? this.takeWork() : undefined;
    if (taken !== undefined) state.outbox.sendAfterPersist.push(...taken.withheld);
    return state.outbox.take(taken?.batch, state.takeChangedStatus());
  }

  get status(): KernelStatus {
    return this.state.status;
  }

  get commitIndex(): number {
    return this.state.log.commitIndex;
  }

  get lastIndex(): number {
    return this.state.log.lastIndex;
  }

  get durableIndex(): number {
    return this.state.persistence.durableIndex;
  }

  get appliedIndex(): number {
    return this.state.applying.appliedIndex;
  }

  get uncommittedBytes(): number {
    return this.state.uncommittedBytes;
  }

  get configuration(): ConfigurationInForce {
    return this.state.configuration;
  }

  get pendingConfiguration(): ConfigurationInForce | undefined {
    return this.state.log.pendingConfiguration;
  }

  get firstIndex(): number {
    return this.state.log.terms.originId.index + 1;
  }

  get readRounds(): number {
    return this.state.readRounds;
  }

  get isTransferring(): boolean {
    return this.state.transfer !== undefined;
  }

  configurationAt(index: number): ConfigurationInForce {
    return this.state.configurations.at(index);
  }

  freshness(nowMs: number): Freshness | undefined {
    const { state } = this;
    if (state.role !== 'leader') return state.freshness.at(state.applying.appliedIndex, nowMs);
    const { commitIndex } = state.log;
    const confirmedAtMs = quorumConfirmedAtMs(state);
    const isKnown =
      state.committedInTerm && commitIndex <= state.applying.appliedIndex && Number.isFinite(confirmedAtMs);
    return isKnown ? { index: commitIndex, ageMs: Math.max(0, nowMs - confirmedAtMs) } : undefined;
  }

  termAt(index: number): number | undefined {
    return this.state.log.terms.termAt(index);
  }

  progress(): readonly ReplicaProgress[] {
    return [...this.state.progress.values()].map((progress) =>
      progress.view(this.state.nowMs, this.state.electionTimeoutMs),
    );
  }

  private input(nowMs: number): KernelState {
    invariant(nowMs >= this.state.nowMs, () => `monotonic time goes back from ${this.state.nowMs} to ${nowMs}`);
    this.state.nowMs = nowMs;
    this.touched = true;
    return this.state;
  }

  /** What an install in progress holds back. */
  private takeWork(): ReturnType<PersistPipeline['takeBatch']> {
    const { state } = this;
    const { durableIndex } = state.persistence;
    state.outbox.apply.push(...state.applying.take(state.log, durableIndex, (load) => state.requestLoad(load)));
    return state.persistence.takeBatch(state.log, { term: state.term, votedFor: state.votedFor }, state.configuration);
  }

  private tickLeader(): void {
    const { state } = this;
    for (const { id, departsAtMs } of state.progress.values())
      if (departsAtMs !== undefined && departsAtMs <= state.nowMs) state.progress.delete(id);
    tickTransfer(state);
    if (state.role !== 'leader') return;
    if (++state.electionElapsedTicks >= state.options.electionTicks) {
      state.electionElapsedTicks = 0;
      if (!checkQuorum(state)) {
        becomeFollower(state, state.term, NO_REPLICA);
        return;
      }
    }
    if (++state.heartbeatElapsedTicks >= state.options.heartbeatTicks) {
      state.heartbeatElapsedTicks = 0;
      sendRound(state);
      advanceTransfer(state);
    }
  }
}
