import { decodeConfiguration } from '../../core/configuration-codec';
import type { Entry } from '../../core/entry';
import { DEFAULT_GROUP, type LogId, type ReplicaId } from '../../core/types';
import type { Message } from '../../core/messages';
import type { RaftStatus } from '../../runtime/status';
import type { GroupWrite } from '../../storage/contract';
import type { PeerMessage } from '../../transport/contract';
import { CommitLedger } from './commit-ledger';
import { checkWrite } from './disk-rules';
import { EntryRegistry } from './entry-registry';
import { checkDurableBeforeSent } from './message-rules';
import type { Path } from './paths';
import { entryAt, lastIndexOf, termAt, type DiskGroup, type DiskObserver, type SimulatedDisk } from './simulated-disk';
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
        if (entry.kind === 'configuration') {
          const { outgoing } = decodeConfiguration(entry.data);
          if (outgoing.length > 0) this.count('entered a joint configuration');
          else if (this.isJoint) this.count('left a joint configuration');
          this.isJoint = outgoing.length > 0;
        }
        committed(entry);
      },
    );
  }

  begin(label: string, disk: SimulatedDisk, wiped: boolean): ObservedLife {
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
    };
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
    this.disks.set(after.identity.replicaId, disk);
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
    verdict.check(
      status.appliedIndex <= status.commitIndex,
      'only what is committed is applied',
      () => `${life.label} has applied ${status.appliedIndex} of ${status.commitIndex}`,
    );
    life.term = Math.max(life.term, status.term);
    life.commitIndex = Math.max(life.commitIndex, status.commitIndex);
    if (life.isLeader && status.role !== 'leader' && status.term === life.sentTerm) {
      this.count('left leadership in the same term');
    }
    life.isLeader = status.role === 'leader';
    if (status.role === 'leader') this.seeLeader(life, status.term, status.replicaId);
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
        this.checkCommit(life, message.term, message.leaderCommit, group);
        this.registry.see(message.prev, message.entries, () => `in an append of ${life.label}`);
        return;
      case 'heartbeat':
        this.seeLeader(life, message.term, message.from);
        this.checkCommit(life, message.term, message.leaderCommit, group);
        return;
      case 'preVote':
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
        this.toldCommit = Math.max(this.toldCommit, message.commit.index);
        return;
      case 'installSnapshot':
        this.seeLeader(life, message.term, message.from);
        this.count('asked a follower to fetch a snapshot');
        return;
      case 'timeoutNow':
        this.count('handed the leadership over');
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
    if (this.lastLeader !== 0 && this.lastLeader !== replica) this.count('changed the leader');
    this.lastLeader = replica;
    const group = life.disk.groups.get(DEFAULT_GROUP);
    if (group !== undefined) this.ledger.checkLeader(group, term, life.label);
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

/** An answer waits for its write, and may leave behind one of a later term. */
function isLateAnswer(message: Message): boolean {
  return message.kind.endsWith('Reply') || message.kind === 'requestVote' || message.kind === 'preVote';
}
