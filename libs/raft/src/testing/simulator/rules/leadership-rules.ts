import type { Configuration } from '../../../core/base/configuration';
import type { Message } from '../../../core/base/messages';
import { DEFAULT_GROUP, type HardState, type ReplicaId } from '../../../core/base/types';
import type { RaftStatus } from '../../../runtime/status/status';
import type { CommitLedger } from './commit-ledger';
import { checkCandidate, checkElected, checkSuccessor, configurationsOf } from './election-rules';
import type { EntryRegistry } from './entry-registry';
import type { ObservedProcess } from '../simulated/observed-process';
import type { Path } from '../base/paths';
import type { ReplicaDisks } from './replica-disks';
import { entryAt, type DiskGroup } from '../simulated/simulated-disk';
import type { World } from '../base/world';

/** Watches who leads and by which votes, and what leaders and those that answer them say of the log. */
export class LeadershipRules {
  private readonly leaders = new Map<number, ReplicaId>();
  private lastLeader: ReplicaId = 0;
  /** By which memberships a replica may have been elected in a term, as it stood when it voted for itself. */
  private readonly candidacies = new Map<string, readonly Configuration[]>();
  /** Terms whose leader was shown to have the votes for it. */
  private readonly shownElected = new Set<number>();
  /** Who was told to campaign at once, and in which term. */
  private readonly told = new Set<string>();
  /** The greatest commit index that was ever in a message. */
  private toldCommit = 0;
  /** Called when another leads than before. */
  onLeader: (() => void) | undefined;

  /** @param isJoint whether the membership that is committed is a joint one */
  constructor(
    private readonly world: World,
    private readonly disks: ReplicaDisks,
    private readonly ledger: CommitLedger,
    private readonly registry: EntryRegistry,
    private readonly isJoint: () => boolean,
  ) {}

  /** Whoever holds this as committed needn't have counted it. */
  knowsCommit(index: number): void {
    this.toldCommit = Math.max(this.toldCommit, index);
  }

  /**
   * A replica's vote is about to be written. One for itself is the beginning of its candidacy, before which it may have led,
   * committed, and been unseated before it told anybody.
   */
  voting({ term, votedFor }: HardState, before: DiskGroup, commitIndex: number): void {
    const { replicaId } = before.identity;
    if (votedFor !== replicaId) return;
    this.candidacies.set(`${replicaId} in ${term}`, this.configurationsOf(before));
    this.knowsCommit(commitIndex);
  }

  /** A node says of itself that it leads. */
  saysLeader(life: ObservedProcess, status: RaftStatus): void {
    if (isElectionDurable(life, status)) this.seeLeader(life, status.term, status.replicaId);
  }

  seeMessage(life: ObservedProcess, message: Message, group: DiskGroup): void {
    switch (message.kind) {
      case 'appendEntries':
        this.seeLeader(life, message.term, message.from);
        this.showElected(life, message, group);
        this.checkCommit(life, message.term, message.leaderCommit, group);
        this.registry.see(message.prev, message.entries, () => `in an append of ${life.label}`);
        return;
      case 'heartbeat':
        this.seeLeader(life, message.term, message.from);
        this.showElected(life, message, group);
        this.checkCommit(life, message.term, message.leaderCommit, group);
        return;
      case 'preVote':
        // A question that changes nothing; a campaign by what its successor has overtaken would need the disk.
        if (!life.isSucceeded())
          checkCandidate(this.world.verdict, life.label, message.from, this.configurationsOf(group));
        this.knowsCommit(message.commit.index);
        this.count('asked for pre-votes');
        return;
      case 'preVoteReply':
        this.knowsCommit(message.commit.index);
        if (!message.granted) this.count('refused a pre-vote');
        return;
      case 'requestVoteReply':
        this.knowsCommit(message.commit.index);
        if (!message.granted) this.count('refused a vote');
        return;
      case 'appendEntriesReply':
        if (!message.accepted) this.count('rejected an append');
        else this.checkMatch(life, message.term, message.matchIndex, group);
        return;
      case 'requestVote':
        checkCandidate(this.world.verdict, life.label, message.from, this.configurationsOf(group));
        this.world.verdict.check(
          !message.leadershipTransfer || this.told.has(`${message.from} in ${message.term - 1}`),
          'only who was told by the leader of the term before unseats a leader',
          () => `${life.label} campaigns for term ${message.term}`,
        );
        this.knowsCommit(message.commit.index);
        return;
      case 'installSnapshot':
        this.seeLeader(life, message.term, message.from);
        this.count('asked a follower to fetch a snapshot');
        return;
      case 'timeoutNow':
        this.checkTold(life, message.to, group);
        this.told.add(`${message.to} in ${message.term}`);
        this.count('handed the leadership over');
        if (life.isStalled()) this.count('handed over from a stalled store');
        return;
      case 'heartbeatReply':
      case 'installSnapshotReply':
      case 'timeoutNowReply':
        return;
    }
  }

  /**
   * A leader that is the first to tell of a commit has counted replicas, so its own term's entry is the last one: an older one
   * on a majority can still be overwritten (thesis §3.6.2, figure 3.7).
   */
  private checkCommit(life: ObservedProcess, term: number, commitIndex: number, group: DiskGroup): void {
    if (commitIndex <= this.toldCommit) return;
    this.toldCommit = commitIndex;
    const entry = entryAt(group, commitIndex);
    this.world.verdict.check(
      entry === undefined || entry.term === term,
      "only entries of the leader's term are committed by counting",
      () => `${life.label} leads term ${term} and commits up to ${commitIndex}, an entry of term ${entry!.term}`,
    );
  }

  /** Election safety: at most one leader in a term (thesis §3.4). */
  private seeLeader(life: ObservedProcess, term: number, replica: ReplicaId): void {
    const known = this.leaders.get(term);
    if (known === replica) return;
    this.world.verdict.check(
      known === undefined,
      'election safety',
      () => `replicas ${known} and ${replica} (${life.label}) both lead term ${term}`,
    );
    this.leaders.set(term, replica);
    this.count('elected a leader');
    if (this.lastLeader !== 0 && this.lastLeader !== replica) {
      this.count('changed the leader');
      if (this.isJoint()) this.count('lost the leader in a joint configuration');
      this.onLeader?.();
    }
    this.lastLeader = replica;
    const group = life.disk.groups.get(DEFAULT_GROUP);
    if (group !== undefined) this.ledger.checkLeader(group, term, life.label);
  }

  private showElected({ label }: ObservedProcess, { term, from }: Message, group: DiskGroup): void {
    if (this.shownElected.has(term)) return;
    this.shownElected.add(term);
    const configurations = [...(this.candidacies.get(`${from} in ${term}`) ?? []), ...this.configurationsOf(group)];
    checkElected(this.world.verdict, label, term, from, configurations, (replica) => this.disks.logOf(replica));
  }

  private checkTold({ label }: ObservedProcess, successor: ReplicaId, group: DiskGroup): void {
    const log = this.disks.logOf(successor);
    const configurations = [group, ...(log === undefined ? [] : [log])].flatMap((each) => this.configurationsOf(each));
    checkSuccessor(this.world.verdict, label, successor, group, log, configurations);
  }

  private configurationsOf(group: DiskGroup): readonly Configuration[] {
    return configurationsOf(group, (index) => this.ledger.membershipAt(index));
  }

  /** An acknowledgement says that the follower's log is the leader's. */
  private checkMatch(life: ObservedProcess, term: number, matchIndex: number, group: DiskGroup): void {
    const leader = this.leaders.get(term);
    const log = leader === undefined ? undefined : this.disks.logOf(leader);
    if (log === undefined || log.hardState.term !== term || group.hardState.term !== term) return;
    const own = entryAt(group, matchIndex);
    const others = entryAt(log, matchIndex);
    this.world.verdict.check(
      own === undefined || others === undefined || own.term === others.term,
      'an acknowledgement is true',
      () => `${life.label} holds entry ${matchIndex} of term ${own!.term}, its leader of term ${others!.term}`,
    );
  }

  private count(path: Path): void {
    this.world.paths.count(path);
  }
}

/**
 * The only voter takes itself for elected before that is written, and is silent until then. One whose store is gone stays so,
 * and another may lead the term by then.
 */
function isElectionDurable({ disk }: ObservedProcess, { term, replicaId }: RaftStatus): boolean {
  const hardState = disk.groups.get(DEFAULT_GROUP)?.hardState;
  if (hardState === undefined) return false;
  return hardState.term > term || (hardState.term === term && hardState.votedFor === replicaId);
}
