import { decodeConfiguration } from '../../../core/membership/configuration-codec';
import type { ConfigurationInForce } from '../../../core/base/configuration';
import type { Entry } from '../../../core/base/entry';
import { DEFAULT_GROUP, type LogId, type ReplicaId } from '../../../core/base/types';
import type { Message } from '../../../core/base/messages';
import type { RaftStatus } from '../../../runtime/status/status';
import type { GroupWrite, SnapshotMetadata } from '../../../storage/contract';
import type { PeerMessage } from '../../../transport/contract';
import { CommitLedger } from './commit-ledger';
import { checkPendingConfigurations, checkWrite } from './disk-rules';
import { EntryRegistry } from './entry-registry';
import { LeadershipRules } from './leadership-rules';
import { MembershipRules } from './membership-rules';
import { checkDurableBeforeSent } from './message-rules';
import type { ObservedProcess } from '../simulated/observed-process';
import type { Path } from '../base/paths';
import type { NodeObserver } from '../simulated/node-observer';
import { ReplicaDisks } from './replica-disks';
import { entryAt, lastIndexOf, termAt, type DiskGroup, type SimulatedDisk } from '../simulated/simulated-disk';
import { checkStatus } from './status-rules';
import type { MessageObserver } from '../simulated/simulated-network';
import { describeWrite } from '../base/describe-write';
import type { SimulatedEndpoint } from '../simulated/simulated-endpoint';
import type { World } from '../base/world';

/**
 * Watches everything that leaves a node, reaches its disk or its state machine, and checks each step against what Raft
 * promises. It knows nothing of what is in a kernel.
 */
export class ClusterOracle implements NodeObserver, MessageObserver {
  readonly ledger: CommitLedger;
  private readonly registry: EntryRegistry;
  private readonly disks: ReplicaDisks;
  private readonly changes: MembershipRules;
  private readonly leadership: LeadershipRules;
  private readonly lives = new Map<string, ObservedProcess>();
  private readonly lifeOnDisk = new Map<SimulatedDisk, ObservedProcess>();
  /** The last entry that a replica's state machine was done with, in any life of it. */
  private readonly applied = new Map<ReplicaId, number>();
  /** Up to where each disk was compared with the ledger. */
  private readonly compared = new Map<SimulatedDisk, number>();

  /** @param committed told of each entry once, as it becomes known to be committed */
  constructor(
    private readonly world: World,
    committed: (entry: Entry) => void,
  ) {
    const { verdict } = world;
    this.registry = new EntryRegistry(verdict);
    this.disks = new ReplicaDisks(verdict);
    const appliedBy = (id: ReplicaId): number => this.applied.get(id) ?? 0;
    this.changes = new MembershipRules(world, this.disks, appliedBy, () => this.ledger);
    this.ledger = new CommitLedger(
      verdict,
      (replica) => this.disks.logOf(replica),
      (entry) => {
        if (entry.kind === 'configuration') this.changes.changed(decodeConfiguration(entry.data));
        committed(entry);
      },
    );
    this.leadership = new LeadershipRules(world, this.disks, this.ledger, this.registry, () => this.changes.isJoint);
  }

  /** Called once, when a joint configuration is committed. */
  set onJoint(then: (() => void) | undefined) {
    this.changes.onJoint = then;
  }

  /** Called when a membership is committed that a change goes on from. */
  set onStep(then: () => void) {
    this.changes.onStep = then;
  }

  /** Called when another leads than before. */
  set onLeader(then: () => void) {
    this.leadership.onLeader = then;
  }

  /** The membership that is committed; undefined before the first commit. */
  get membership(): ConfigurationInForce | undefined {
    return this.ledger.membership;
  }

  /** @returns what this replica's store holds; undefined where it has none (any more) */
  diskOf(replica: ReplicaId): DiskGroup | undefined {
    return this.disks.groupOf(replica);
  }

  begin(label: string, disk: SimulatedDisk, wiped: boolean, isStalled: () => boolean): ObservedProcess {
    const group = disk.groups.get(DEFAULT_GROUP);
    const life: ObservedProcess = {
      label,
      disk,
      term: group?.hardState.term ?? 0,
      sentTerm: group?.hardState.term ?? 0,
      commitIndex: group?.commitIndex ?? 0,
      appliedIndex: 0,
      wiped,
      isLeader: false,
      isStalled,
      isSucceeded: () => this.lifeOnDisk.get(disk) !== life,
      resumptions: 0,
    };
    // It may have committed as a leader, alone or just before its end, and told nobody.
    this.leadership.knowsCommit(life.commitIndex);
    this.lives.set(label, life);
    this.lifeOnDisk.set(disk, life);
    return life;
  }

  /** The disk is about to be wiped. */
  wiping(disk: SimulatedDisk): void {
    this.disks.wiping(disk);
    this.compared.delete(disk);
  }

  landing(disk: SimulatedDisk, write: GroupWrite, before: DiskGroup | undefined): void {
    checkWrite(this.world.verdict, disk.name, write, before);
    if (before !== undefined && write.hardState !== undefined)
      this.leadership.voting(write.hardState, before, write.commitIndex);
    if (before === undefined || write.truncateFrom === undefined) return;
    this.count('truncated a conflict');
    this.ledger.checkTruncation(before, write.truncateFrom, disk.name);
  }

  landed(disk: SimulatedDisk, write: GroupWrite, after: DiskGroup): void {
    this.world.trace.add('landed', disk.name, write.number, () => describeWrite(write));
    this.disks.see(disk, after.identity.replicaId);
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
      this.changes.check(disk.name, write.configuration, write.configuration.index);
  }

  /** A node writes a snapshot, its own or another's. */
  storingSnapshot(life: ObservedProcess, { last, configuration }: SnapshotMetadata): void {
    const { verdict } = this.world;
    verdict.check(
      this.ledger.at(last.index)?.term === last.term,
      'a snapshot is of what was committed',
      () => `${life.label} writes one of ${last.index}@${last.term}`,
    );
    this.changes.check(life.label, configuration, last.index);
  }

  /** A batch is handed to the store, at the very step in which the kernel made it. */
  persisting(life: ObservedProcess, write: GroupWrite, status: RaftStatus): void {
    const last = write.entries.at(-1);
    if (last === undefined || status.phase !== 'running') return;
    const expected = Math.min(status.commitIndex, last.index);
    this.world.verdict.check(
      write.commitIndex === expected,
      'the commit index is written with the entries',
      () => `${life.label} is committed up to ${status.commitIndex} and writes ${describeWrite(write)}`,
    );
  }

  sent(from: SimulatedEndpoint, message: PeerMessage): void {
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
    this.leadership.seeMessage(life, message, group!);
  }

  received(by: SimulatedEndpoint, message: PeerMessage): void {
    if (!('term' in message)) return;
    const life = this.lives.get(by.process.label)!;
    life.term = Math.max(life.term, message.term);
  }

  /** A state machine is handed entries. */
  applying(life: ObservedProcess, entries: readonly Entry[]): void {
    const { verdict } = this.world;
    const group = life.disk.groups.get(DEFAULT_GROUP);
    for (const entry of entries) {
      verdict.check(
        entry.index === life.appliedIndex + 1,
        'entries are applied in order',
        () => `${life.label} applies ${entry.index} behind ${life.appliedIndex}`,
      );
      // A successor of a process that doesn't know of it may have cut the log behind what was committed.
      const isCut = group !== undefined && entry.index <= group.origin.index;
      const durable = isCut ? this.ledger.at(entry.index) : group && entryAt(group, entry.index);
      verdict.check(
        durable !== undefined && durable.checksum === entry.checksum,
        'what is applied is durable here',
        () => `${life.label} applies entry ${entry.index}, its disk ends at ${group ? lastIndexOf(group) : 0}`,
      );
      this.ledger.commit(entry, life.term, group!.configuration.configuration, life.label);
      life.appliedIndex = entry.index;
    }
  }

  /** A state machine is done with everything up to this index. */
  appliedTo({ disk }: ObservedProcess, index: number): void {
    const id = disk.groups.get(DEFAULT_GROUP)?.identity.replicaId;
    if (id !== undefined) this.applied.set(id, Math.max(index, this.applied.get(id) ?? 0));
  }

  /** A state machine took a snapshot over: it is of what was committed, and never older than what the machine had. */
  restored(life: ObservedProcess, last: LogId): void {
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
    this.appliedTo(life, last.index);
    this.leadership.knowsCommit(last.index);
  }

  /** Looks at what a node says of itself. */
  status(life: ObservedProcess, status: RaftStatus): void {
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
    if (life.isLeader && status.role !== 'leader' && status.term === life.sentTerm)
      this.count('left leadership in the same term');
    life.isLeader = status.role === 'leader';
    if (status.role === 'leader') this.leadership.saysLeader(life, status);
  }

  /** A node says that it was removed: then it was, for good. */
  saysRemoved(life: ObservedProcess, { replicaId }: RaftStatus): void {
    this.changes.saysRemoved(life.label, replicaId);
    life.isLeader = false;
  }

  private seeTerm(life: ObservedProcess, message: Message): void {
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

  private count(path: Path): void {
    this.world.paths.count(path);
  }
}

/** An answer waits for its write, and may leave behind one of a later term. */
function isLateAnswer(message: Message): boolean {
  return message.kind.endsWith('Reply') || message.kind === 'requestVote' || message.kind === 'preVote';
}
