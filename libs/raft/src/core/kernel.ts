import { advanceCommit, enforceConfiguration } from './commit';
import type { ConfigurationInForce } from './configuration';
import { becomeFollower, campaign, hastenElection, resetElectionTimer } from './election';
import type { Effects, KernelStatus } from './effects';
import { entrySizeBytes, makeEntry, type Entry, type Proposal } from './entry';
import { invariant } from './invariant';
import type {
  Freshness,
  Kernel,
  KernelSnapshot,
  MembershipChange,
  MembershipResult,
  ProposeResult,
  ReplicaProgress,
  TransferResult,
} from './kernel-api';
import type { KernelOptions } from './kernel-options';
import { isSoleVoter } from './membership';
import { changeMembership } from './membership-change';
import type { Message } from './messages';
import { voteResult } from './quorum';
import { requestRead, sendRound, startRoundIfDue } from './reads';
import { replicate, sendLoaded } from './replication';
import { beginInstall, compactTo, finishInstall } from './snapshotting';
import { KernelState } from './state';
import { step } from './step';
import { transferLeadership } from './transfer';
import { type LogId, NO_REPLICA, type ReplicaId } from './types';

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
    const passed = state.log.configurationsPassed();
    if (passed !== undefined) enforceConfiguration(state, passed);
    becomeFollower(state, state.term, NO_REPLICA);
    if (isSoleVoter(state.configuration.configuration, state.self)) campaign(state);
    else if (options.newStore) hastenElection(state);
  }

  tick(nowMs: number): void {
    const state = this.input(nowMs);
    if (state.role === 'leader') this.tickLeader();
    else if (++state.electionElapsedTicks >= state.electionTimeoutTicks) {
      if (state.promotable) campaign(state);
      else resetElectionTimer(state);
    }
  }

  step(message: Message, nowMs: number): void {
    step(this.input(nowMs), message);
  }

  propose(proposals: readonly Proposal[], nowMs: number): ProposeResult {
    const state = this.input(nowMs);
    const { options, log } = state;
    if (state.role !== 'leader')
      return { accepted: false, reason: state.leader === NO_REPLICA ? 'noLeader' : 'notLeader' };
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
  }

  applied(index: number, nowMs: number): void {
    this.input(nowMs).applying.applied(index);
  }

  entriesLoaded(requestId: number, entries: readonly Entry[], nowMs: number): void {
    const state = this.input(nowMs);
    entries.forEach((entry, at) =>
      invariant(
        entry.index === entries[0]!.index + at,
        () => `a page from the store has a gap before entry ${entry.index}`,
      ),
    );
    for (const progress of state.progress.values()) {
      if (progress.loadId === requestId) {
        sendLoaded(state, progress, entries);
        state.replicationDue = true;
        return;
      }
    }
    state.outbox.apply.push(...state.applying.loaded(state.log, requestId, entries));
  }

  peerUnreachable(replica: ReplicaId, nowMs: number): void {
    const state = this.input(nowMs);
    const progress = state.progress.get(replica);
    if (progress?.state === 'replicate') progress.becomeProbe(progress.matchIndex + 1);
    if (state.leader === replica && state.options.fastFailover && !state.leaderUnreachable) {
      state.leaderUnreachable = true;
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

  /**
   * The store doesn't answer, or fails. A leader steps down where others could lead; nobody campaigns with a store that can't
   * keep a term.
   */
  storageStalled(nowMs: number): void {
    const state = this.input(nowMs);
    if (isSoleVoter(state.configuration.configuration, state.self)) return;
    state.storageStalled = true;
    if (state.role !== 'follower' && state.role !== 'learner') becomeFollower(state, state.term, NO_REPLICA);
  }

  storageRecovered(nowMs: number): void {
    this.input(nowMs).storageStalled = false;
  }

  hasEffects(): boolean {
    return this.touched;
  }

  takeEffects(): Effects {
    const { state } = this;
    this.touched = false;
    startRoundIfDue(state);
    if (state.replicationDue) {
      state.replicationDue = false;
      replicate(state);
    }
    const { durableIndex } = state.persistence;
    state.outbox.apply.push(...state.applying.take(state.log, durableIndex, (load) => state.requestLoad(load)));
    const taken = state.persistence.takeBatch(
      state.log,
      { term: state.term, votedFor: state.votedFor },
      state.configuration,
    );
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

  get firstIndex(): number {
    return this.state.log.terms.originId.index + 1;
  }

  get isTransferring(): boolean {
    return false;
  }

  configurationAt(_index: number): ConfigurationInForce {
    return this.state.configuration;
  }

  freshness(_nowMs: number): Freshness | undefined {
    return undefined;
  }

  termAt(index: number): number | undefined {
    return this.state.log.terms.termAt(index);
  }

  progress(): readonly ReplicaProgress[] {
    return [...this.state.progress.values()].map((progress) => progress.view());
  }

  private input(nowMs: number): KernelState {
    invariant(nowMs >= this.state.nowMs, () => `monotonic time goes back from ${this.state.nowMs} to ${nowMs}`);
    this.state.nowMs = nowMs;
    this.touched = true;
    return this.state;
  }

  private tickLeader(): void {
    const { state } = this;
    if (++state.electionElapsedTicks >= state.options.electionTicks) {
      state.electionElapsedTicks = 0;
      if (!this.quorumIsActive()) {
        becomeFollower(state, state.term, NO_REPLICA);
        return;
      }
    }
    if (++state.heartbeatElapsedTicks >= state.options.heartbeatTicks) {
      state.heartbeatElapsedTicks = 0;
      sendRound(state);
    }
  }

  /** A leader that a quorum doesn't answer steps down: another may lead already (thesis §6.2). */
  private quorumIsActive(): boolean {
    const { state } = this;
    const active = voteResult(state.configuration.configuration, (id) => {
      const progress = state.progress.get(id);
      return id === state.self || progress?.active === true;
    });
    for (const progress of state.progress.values()) progress.active = false;
    return active === 'won';
  }
}
