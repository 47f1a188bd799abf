import { decodeConfiguration } from '../../core/configuration-codec';
import type { Configuration, ConfigurationInForce } from '../../core/configuration';
import type { Entry } from '../../core/entry';
import { wasRemoved } from '../../core/membership';
import { DEFAULT_GROUP, type LogId, type ReplicaId } from '../../core/types';
import type { Message } from '../../core/messages';
import type { RaftStatus } from '../../runtime/status';
import type { GroupWrite, SnapshotMetadata } from '../../storage/contract';
import type { PeerMessage } from '../../transport/contract';
import { CommitLedger } from './commit-ledger';
import { checkPendingConfigurations, checkWrite } from './disk-rules';
import { checkCandidate, checkElected, checkSuccessor, configurationsOf } from './election-rules';
import { EntryRegistry } from './entry-registry';
import { checkDurableBeforeSent } from './message-rules';
import type { Path } from './paths';
import { entryAt, lastIndexOf, termAt, type DiskGroup, type DiskObserver, type SimulatedDisk } from './simulated-disk';
import { checkStatus } from './status-rules';
import type { MessageObserver } from './simulated-network';
import { describeWrite } from './describe-write';
import type { SimulatedTransport } from './simulated-transport';
import type { World } from './world';

/** What is known of one life of a node from what it did. */
export interface ObservedLife {
  readonly label: string;
  readonly disk: SimulatedDisk;
  /** No message of it, and none that it got, was of a later term. */
  term: number;
  sentTerm: number;
  commitIndex: number;
  appliedIndex: number;
  /** Its store is empty though the cluster knows it: it must not take part. */
  readonly wiped: boolean;
  isLeader: boolean;
  /** Whether its store stands still just now. */
  readonly isStalled: () => boolean;
  /** How often a fetch that broke off was gone on with, as it says. */
  resumptions: number;
}

/**
 * Watches everything that leaves a node, reaches its disk or its state machine, and checks each step against what Raft
 * promises. It knows nothing of what is in a kernel.
 */
export class ClusterOracle implements DiskObserver, MessageObserver {
  readonly ledger: CommitLedger;
  private readonly registry: EntryRegistry;
  private readonly lives = new Map<string, ObservedLife>();
  private readonly leaders = new Map<number, ReplicaId>();
  private readonly disks = new Map<ReplicaId, SimulatedDisk>();
  /** What wiped disks held: their replicas never come back, and what they held was durable when it was counted. */
  private readonly lost = new Map<ReplicaId, DiskGroup>();
  private readonly lifeOnDisk = new Map<SimulatedDisk, ObservedLife>();
  /** Up to where each disk was compared with the ledger. */
  private readonly compared = new Map<SimulatedDisk, number>();
  private lastLeader: ReplicaId = 0;
  private isJoint = false;
  /** Terms whose leader was shown to have the votes for it. */
  private readonly shownElected = new Set<number>();
  /** Who was told to campaign at once, and in which term. */
  private readonly told = new Set<string>();
  private readonly stores = new Map<ReplicaId, string>();
  private founders = 0;
  /** Called once, when a joint configuration is committed. */
  onJoint: (() => void) | undefined;
  /** Called when another leads than before. */
  onLeader: (() => void) | undefined;
  /** The greatest commit index that was ever in a message. */
  private toldCommit = 0;

  /** @param committed told of each entry once, as it becomes known to be committed */
  constructor(
    private readonly world: World,
    committed: (entry: Entry) => void,
  ) {
    const { verdict } = world;
    this.registry = new EntryRegistry(verdict);
    this.ledger = new CommitLedger(
      verdict,
      (replica) => this.logOf(replica),
      (entry) => {
        if (entry.kind === 'configuration') this.membershipChanged(decodeConfiguration(entry.data));
        committed(entry);
      },
    );
  }

  /** The membership that is committed; undefined before the first commit. */
  get membership(): ConfigurationInForce | undefined {
    return this.ledger.membership;
  }

  /** @returns what this replica's store holds; undefined where it has none (any more) */
  diskOf(replica: ReplicaId): DiskGroup | undefined {
    return this.disks.get(replica)?.groups.get(DEFAULT_GROUP);
  }

  begin(label: string, disk: SimulatedDisk, wiped: boolean, isStalled: () => boolean): ObservedLife {
    const group = disk.groups.get(DEFAULT_GROUP);
    const life: ObservedLife = {
      label,
      disk,
      term: group?.hardState.term ?? 0,
      sentTerm: group?.hardState.term ?? 0,
      commitIndex: group?.commitIndex ?? 0,
      appliedIndex: 0,
      wiped,
      isLeader: false,
      isStalled,
      resumptions: 0,
    };
    // It may have committed as a leader, alone or just before its end, and told nobody.
    this.toldCommit = Math.max(this.toldCommit, life.commitIndex);
    this.lives.set(label, life);
    this.lifeOnDisk.set(disk, life);
    return life;
  }

  /** The disk is about to be wiped. */
  wiping(disk: SimulatedDisk): void {
    const group = disk.groups.get(DEFAULT_GROUP);
    if (group === undefined) return;
    this.lost.set(group.identity.replicaId, { ...group, entries: [...group.entries] });
    this.disks.delete(group.identity.replicaId);
    this.compared.delete(disk);
  }

  landing(disk: SimulatedDisk, write: GroupWrite, before: DiskGroup | undefined): void {
    checkWrite(this.world.verdict, disk.name, write, before);
    if (before === undefined || write.truncateFrom === undefined) return;
    this.count('truncated a conflict');
    this.ledger.checkTruncation(before, write.truncateFrom, disk.name);
  }

  landed(disk: SimulatedDisk, write: GroupWrite, after: DiskGroup): void {
    this.world.trace.add('landed', disk.name, write.number, () => describeWrite(write));
    this.seeStore(disk, after.identity.replicaId);
    const first = write.entries[0];
    if (first !== undefined) {
      const previous = { index: first.index - 1, term: termAt(after, first.index - 1) ?? 0 };
      this.registry.see(previous, write.entries, () => `on the disk of ${disk.name}`);
    }
    const term = Math.max(this.lifeOnDisk.get(disk)?.term ?? 0, after.hardState.term);
    // Entries that come in below the commit index are compared too.
    const from = Math.min(first?.index ?? Number.POSITIVE_INFINITY, (this.compared.get(disk) ?? 0) + 1);
    this.ledger.commitRange(after, from, write.commitIndex, term, disk.name);
    this.compared.set(disk, write.commitIndex);
    if (write.entries.length > 0) checkPendingConfigurations(this.world.verdict, disk.name, after);
    if (write.configuration !== undefined)
      this.checkMembership(disk.name, write.configuration, write.configuration.index);
  }

  /** A node writes a snapshot, its own or another's. */
  storingSnapshot(life: ObservedLife, { last, configuration }: SnapshotMetadata): void {
    const { verdict } = this.world;
    verdict.check(
      this.ledger.at(last.index)?.term === last.term,
      'a snapshot is of what was committed',
      () => `${life.label} writes one of ${last.index}@${last.term}`,
    );
    this.checkMembership(life.label, configuration, last.index);
  }

  /** A batch is handed to the store, at the very step in which the kernel made it. */
  persisting(life: ObservedLife, write: GroupWrite, status: RaftStatus): void {
    const last = write.entries.at(-1);
    if (last === undefined || status.phase !== 'running') return;
    const expected = Math.min(status.commitIndex, last.index);
    this.world.verdict.check(
      write.commitIndex === expected,
      'the commit index is written with the entries',
      () => `${life.label} is committed up to ${status.commitIndex} and writes ${describeWrite(write)}`,
    );
  }

  sent(from: SimulatedTransport, message: PeerMessage): void {
    const life = this.lives.get(from.process.label)!;
    if (message.kind === 'request') this.count('forwarded a call');
    if (message.kind === 'founder' || message.kind === 'request' || message.kind === 'response') return;
    const { verdict } = this.world;
    verdict.check(
      !life.wiped,
      'a wiped node takes no part',
      () => `${life.label} sends ${message.kind} in term ${message.term}`,
    );
    const group = life.disk.groups.get(DEFAULT_GROUP);
    checkDurableBeforeSent(verdict, life.label, message, group);
    this.seeTerm(life, message);
    this.seeMessage(life, message, group!);
  }

  received(by: SimulatedTransport, message: PeerMessage): void {
    if (!('term' in message)) return;
    const life = this.lives.get(by.process.label)!;
    life.term = Math.max(life.term, message.term);
  }

  /** A state machine is handed entries. */
  applying(life: ObservedLife, entries: readonly Entry[]): void {
    const { verdict } = this.world;
    const group = life.disk.groups.get(DEFAULT_GROUP);
    for (const entry of entries) {
      verdict.check(
        entry.index === life.appliedIndex + 1,
        'entries are applied in order',
        () => `${life.label} applies ${entry.index} behind ${life.appliedIndex}`,
      );
      const durable = group && entryAt(group, entry.index);
      verdict.check(
        durable !== undefined && durable.checksum === entry.checksum,
        'what is applied is durable here',
        () => `${life.label} applies entry ${entry.index}, its disk ends at ${group ? lastIndexOf(group) : 0}`,
      );
      this.ledger.commit(entry, life.term, group!.configuration.configuration, life.label);
      life.appliedIndex = entry.index;
    }
  }

  /** A state machine took a snapshot over: it is of what was committed, and never older than what the machine had. */
  restored(life: ObservedLife, last: LogId): void {
    const { verdict } = this.world;
    verdict.check(
      last.index >= life.appliedIndex,
      'a snapshot never takes a state back',
      () => `${life.label} restores ${last.index} behind ${life.appliedIndex}`,
    );
    const committed = this.ledger.at(last.index);
    verdict.check(
      committed?.term === last.term,
      'a snapshot is of what was committed',
      () => `${life.label} restores ${last.index}@${last.term}, committed was ${committed?.term ?? 'nothing'}`,
    );
    this.count(
      life.appliedIndex > 0 || life.commitIndex < last.index ? 'installed a snapshot' : 'started from a snapshot',
    );
    life.appliedIndex = last.index;
    this.toldCommit = Math.max(this.toldCommit, last.index);
  }

  /** Looks at what a node says of itself. */
  status(life: ObservedLife, status: RaftStatus): void {
    const { verdict } = this.world;
    verdict.check(
      status.term >= life.sentTerm || status.term === 0,
      'terms never go back',
      () => `${life.label} is in term ${status.term} after ${life.sentTerm}`,
    );
    verdict.check(
      status.commitIndex >= life.commitIndex || status.commitIndex === 0,
      'the commit index never goes back',
      () => `${life.label} is committed up to ${status.commitIndex} after ${life.commitIndex}`,
    );
    checkStatus(verdict, life.label, status);
    const resumptions = status.install?.resumptions ?? 0;
    if (resumptions > life.resumptions) this.count('went on with a fetch that had broken off');
    life.resumptions = resumptions;
    life.term = Math.max(life.term, status.term);
    life.commitIndex = Math.max(life.commitIndex, status.commitIndex);
    if (life.isLeader && status.role !== 'leader' && status.term === life.sentTerm) {
      this.count('left leadership in the same term');
    }
    life.isLeader = status.role === 'leader';
    if (status.role === 'leader' && isElectionDurable(life, status))
      this.seeLeader(life, status.term, status.replicaId);
  }

  /** A node says that it was removed: then it was, for good. */
  saysRemoved(life: ObservedLife, { replicaId }: RaftStatus): void {
    // A node may know that it is committed before any disk says so; but the entry is on some disk.
    const { configuration } = this.membership!;
    const written = [...this.disks.keys()].flatMap((id) => configurationsOf(this.diskOf(id)!));
    this.world.verdict.check(
      [configuration, ...written].some((each) => wasRemoved(each, replicaId)),
      'only what was removed says so',
      () => `${life.label} is replica ${replicaId} of ${JSON.stringify(configuration)}`,
    );
    life.isLeader = false;
    this.count('a removed node said so');
  }

  /** A replica id is bound to one store, and never given to another. */
  private seeStore(disk: SimulatedDisk, replica: ReplicaId): void {
    this.disks.set(replica, disk);
    const store = `${disk.name} ${disk.incarnation}`;
    const known = this.stores.get(replica);
    if (known === store) return;
    this.world.verdict.check(
      known === undefined,
      'a replica id is bound to one store',
      () => `replica ${replica} is on ${store}, and was on ${known}`,
    );
    this.stores.set(replica, store);
  }

  private membershipChanged(configuration: Configuration): void {
    const { verdict } = this.world;
    const { voters, outgoing } = configuration;
    // The one that was in force until now: the ledger has taken the new one in already.
    const before = this.ledger.membershipAt(this.ledger.membership!.index - 1);
    this.founders ||= before?.configuration.members.length ?? 0;
    const isJoint = outgoing.length > 0;
    if (isJoint) this.count('entered a joint configuration');
    else if (this.isJoint) this.count('left a joint configuration');
    for (const id of isJoint ? voters.filter((voter) => !outgoing.includes(voter)) : []) {
      const log = this.logOf(id);
      verdict.check(
        log !== undefined && lastIndexOf(log) >= (before?.index ?? 0),
        'a vote is given only to who has caught up',
        () => `replica ${id} ends at ${log && lastIndexOf(log)}, its change began at ${before?.index}`,
      );
      if (id > this.founders) this.count('a joined node became a voter');
    }
    this.isJoint = isJoint;
    const { onJoint } = this;
    if (!isJoint || onJoint === undefined) return;
    this.onJoint = undefined;
    onJoint();
  }

  /** What a node holds as the membership at this index is what was committed as such. */
  private checkMembership(who: string, { index, configuration }: ConfigurationInForce, at: number): void {
    // A node that joined begins with the membership that it was told, as if it were its genesis.
    if (index === 0) return;
    const expected = this.ledger.membershipAt(at);
    this.world.verdict.check(
      expected?.index === index && JSON.stringify(expected.configuration) === JSON.stringify(configuration),
      'the membership is what was committed',
      () => `${who} holds that of ${index} as the one in force at ${at}, which is that of ${expected?.index}`,
    );
  }

  private seeTerm(life: ObservedLife, message: Message): void {
    // A pre-vote, and its grant, speak of a term that nobody is in yet.
    const isProspective = message.kind === 'preVote' || (message.kind === 'preVoteReply' && message.granted);
    if (isProspective) return;
    this.world.verdict.check(
      message.term >= life.sentTerm || isLateAnswer(message),
      'terms never go back',
      () => `${life.label} sends ${message.kind} in term ${message.term} after ${life.sentTerm}`,
    );
    life.sentTerm = Math.max(life.sentTerm, message.term);
    life.term = Math.max(life.term, message.term);
  }

  private seeMessage(life: ObservedLife, message: Message, group: DiskGroup): void {
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
        checkCandidate(this.world.verdict, life.label, message.from, group);
        this.toldCommit = Math.max(this.toldCommit, message.commit.index);
        this.count('asked for pre-votes');
        return;
      case 'preVoteReply':
        this.toldCommit = Math.max(this.toldCommit, message.commit.index);
        if (!message.granted) this.count('refused a pre-vote');
        return;
      case 'requestVoteReply':
        this.toldCommit = Math.max(this.toldCommit, message.commit.index);
        if (!message.granted) this.count('refused a vote');
        return;
      case 'appendEntriesReply':
        if (!message.accepted) this.count('rejected an append');
        else this.checkMatch(life, message.term, message.matchIndex, group);
        return;
      case 'requestVote':
        checkCandidate(this.world.verdict, life.label, message.from, group);
        this.world.verdict.check(
          !message.leadershipTransfer || this.told.has(`${message.from} in ${message.term - 1}`),
          'only who was told by the leader of the term before unseats a leader',
          () => `${life.label} campaigns for term ${message.term}`,
        );
        this.toldCommit = Math.max(this.toldCommit, message.commit.index);
        return;
      case 'installSnapshot':
        this.seeLeader(life, message.term, message.from);
        this.count('asked a follower to fetch a snapshot');
        return;
      case 'timeoutNow':
        checkSuccessor(this.world.verdict, life.label, message.to, group, this.logOf(message.to));
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
  private checkCommit(life: ObservedLife, term: number, commitIndex: number, group: DiskGroup): void {
    if (commitIndex <= this.toldCommit) return;
    this.toldCommit = commitIndex;
    const entry = entryAt(group, commitIndex);
    this.world.verdict.check(
      entry === undefined || entry.term === term,
      'only entries of the own term are committed by counting',
      () => `${life.label} leads term ${term} and commits up to ${commitIndex}, an entry of term ${entry!.term}`,
    );
  }

  /** Election safety: at most one leader in a term (thesis §3.4). */
  private seeLeader(life: ObservedLife, term: number, replica: ReplicaId): void {
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
      if (this.isJoint) this.count('lost the leader in a joint configuration');
      this.onLeader?.();
    }
    this.lastLeader = replica;
    const group = life.disk.groups.get(DEFAULT_GROUP);
    if (group !== undefined) this.ledger.checkLeader(group, term, life.label);
  }

  private showElected({ label }: ObservedLife, { term, from }: Message, group: DiskGroup): void {
    if (this.shownElected.has(term)) return;
    this.shownElected.add(term);
    checkElected(this.world.verdict, label, term, from, group, (replica) => this.logOf(replica));
  }

  /** An acknowledgement says that the follower's log is the leader's. */
  private checkMatch(life: ObservedLife, term: number, matchIndex: number, group: DiskGroup): void {
    const leader = this.leaders.get(term);
    const log = leader === undefined ? undefined : this.logOf(leader);
    if (log === undefined || log.hardState.term !== term || group.hardState.term !== term) return;
    const own = entryAt(group, matchIndex);
    const others = entryAt(log, matchIndex);
    this.world.verdict.check(
      own === undefined || others === undefined || own.term === others.term,
      'an acknowledgement is true',
      () => `${life.label} holds entry ${matchIndex} of term ${own!.term}, its leader of term ${others!.term}`,
    );
  }

  private logOf(replica: ReplicaId): DiskGroup | undefined {
    return this.disks.get(replica)?.groups.get(DEFAULT_GROUP) ?? this.lost.get(replica);
  }

  private count(path: Path): void {
    this.world.paths.count(path);
  }
}

/**
 * The only voter takes itself for elected before that is written, and is silent until then. One whose store is gone stays so,
 * and another may lead the term by then.
 */
function isElectionDurable({ disk }: ObservedLife, { term, replicaId }: RaftStatus): boolean {
  const hardState = disk.groups.get(DEFAULT_GROUP)?.hardState;
  if (hardState === undefined) return false;
  return hardState.term > term || (hardState.term === term && hardState.votedFor === replicaId);
}

/** An answer waits for its write, and may leave behind one of a later term. */
function isLateAnswer(message: Message): boolean {
  return message.kind.endsWith('Reply') || message.kind === 'requestVote' || message.kind === 'preVote';
}
