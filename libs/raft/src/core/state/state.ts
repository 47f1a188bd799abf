import { ApplyQueue } from './apply-queue';
import type { ConfigurationInForce } from '../base/configuration';
import { ConfigurationHistory } from '../membership/configuration-history';
import type { KernelStatus, LoadRequest, Role } from '../base/effects';
import { FreshnessMarks } from './freshness';
import type { KernelOptions } from '../base/options';
import { RaftLog } from '../log/log';
import { isVoter, memberById } from '../membership/membership';
import type { Message, MessageHeader } from '../base/messages';
import { Outbox } from './outbox';
import { PersistPipeline } from './persist-pipeline';
import type { Progress } from '../progress/progress';
import { ReadIndex } from './read-index';
import type { Transfer } from './transfer';
import { type LogId, NO_REPLICA, type ReplicaId } from '../base/types';

/** Everything that the kernel knows. The files of `handlers/`, `election`, `replication` and `commit` are functions over it. */
export class KernelState {
  /** Monotonic milliseconds of the last input. */
  nowMs: number;

  term: number;
  votedFor: ReplicaId;
  role: Role = 'follower';
  leader: ReplicaId = NO_REPLICA;

  readonly log: RaftLog;
  readonly persistence: PersistPipeline;
  readonly applying: ApplyQueue;
  readonly readIndex = new ReadIndex();
  readonly outbox = new Outbox();
  configuration: ConfigurationInForce;

  /** Of a leader: every other replica, in order of id. */
  readonly progress = new Map<ReplicaId, Progress>();
  /** Of a candidate, by voter. */
  readonly votes = new Map<ReplicaId, boolean>();

  electionElapsedTicks = 0;
  electionTimeoutTicks = 0;
  heartbeatElapsedTicks = 0;
  /** When this follower last heard from its leader: stickiness. */
  leaderContactMs = Number.NEGATIVE_INFINITY;
  /** The connection to the leader closed, and nothing was heard from it since. */
  leaderUnreachable = false;
  /** Since then: campaigns that neither won nor lost before their time was over. */
  campaignsInVain = 0;
  /** No vote before: a lease that this replica confirmed in an earlier life may still hold. */
  abstainUntilMs: number;
  /** The store is slow; or out of reach. */
  storageStalled = false;
  storageIsLost = false;
  /** The last entry of the snapshot that is being installed. Meanwhile nothing is applied, written or committed. */
  installing: LogId | undefined;
  readonly configurations: ConfigurationHistory;
  readonly freshness: FreshnessMarks;

  /** The index of the entry that opened this leader's term. */
  termStartIndex = 0;
  uncommittedBytes = 0;
  /** Rounds that reads waited for. */
  readRounds = 0;
  /** The leadership on its way to another. */
  transfer: Transfer | undefined;
  /** From then on a leader that transfers its leadership on its own may ask again. */
  handsOverFromMs = Number.NEGATIVE_INFINITY;
  /** A voter was told to campaign in this term: no lease holds from then on. */
  leaseIsRevoked = false;
  /** The entry that a replica must have written to be taken for well while this leader's store stalls; 0 where it doesn't. */
  stallProbeIndex = 0;
  /** This leader has lost its vote, and leads until a quorum has confirmed this round; 0 while it has one. */
  resignsAfterRound = 0;
  /** Since when this leader knows the configuration in force: what its catch-up is measured from. */
  changeSinceMs = 0;
  /** A change is to be cancelled as soon as that can be written, until then by this leader's clock. */
  cancelUntilMs: number | undefined;
  /** The entry of this leader that cancels a change. */
  cancelledAt: LogId | undefined;
  /** The cluster's time at the last tick; undefined where the host doesn't know it. */
  clusterTimeMs: number | undefined;
  /** Entries were proposed or answers came in: appends go out with the next effects, many entries in one message. */
  replicationDue = false;

  private sequence = 0;
  private loadSequence = 0;
  private reported: KernelStatus;

  constructor(readonly options: KernelOptions) {
    const { durable } = options;
    this.nowMs = options.nowMs;
    this.log = new RaftLog(durable, options.appliedIndex, options.logWindowBytes);
    this.persistence = new PersistPipeline(options);
    this.term = durable.hardState.term;
    this.votedFor = durable.hardState.votedFor;
    this.catchUpWithLog();
    this.applying = new ApplyQueue(options.appliedIndex, options.maxUnappliedBytes);
    this.configuration = durable.configuration;
    this.configurations = new ConfigurationHistory(durable.configuration);
    this.freshness = new FreshnessMarks(options.random.between(0, 2 ** 31), options.nowMs);
    this.abstainUntilMs = options.newStore
      ? Number.NEGATIVE_INFINITY
      : options.nowMs + options.electionTicks * options.tickMs;
    this.reported = this.status;
  }

  /** The log was cut at a snapshot of a later term, and a crash came before that term was written. */
  private catchUpWithLog(): void {
    const { term } = this.log.lastId;
    if (term <= this.term) return;
    this.term = term;
    this.votedFor = NO_REPLICA;
    this.persistence.markHardState();
  }

  get self(): ReplicaId {
    return this.options.replicaId;
  }

  get status(): KernelStatus {
    return {
      role: this.role,
      term: this.term,
      leader: this.leader,
      committedInTerm: this.committedInTerm,
    };
  }

  /** Whether this leader has committed an entry of its own term, and so knows what was committed before it (thesis §6.4). */
  get committedInTerm(): boolean {
    return this.role === 'leader' && this.log.commitIndex >= this.termStartIndex;
  }

  get electionTimeoutMs(): number {
    return this.options.electionTicks * this.options.tickMs;
  }

  /** Whether this replica may lead: a voter of the configuration in force, with a store that works. */
  get promotable(): boolean {
    const isWell = !this.storageStalled && !this.storageIsLost && this.installing === undefined;
    return isWell && isVoter(this.configuration.configuration, this.self);
  }

  /** @returns the status if it isn't what was last taken */
  takeChangedStatus(): KernelStatus | undefined {
    const { status, reported } = this;
    if (
      status.role === reported.role &&
      status.term === reported.term &&
      status.leader === reported.leader &&
      status.committedInTerm === reported.committedInTerm
    )
      return undefined;
    this.reported = status;
    return status;
  }

  nextSequence(): number {
    return ++this.sequence;
  }

  header(to: ReplicaId, term = this.term, sequence = this.nextSequence()): MessageHeader {
    const { clusterId, groupId, replicaId, incarnation } = this.options;
    return { clusterId, groupId, from: replicaId, to, incarnation, term, sequence };
  }

  /** @returns the header of the answer to `request` */
  replyHeader(request: MessageHeader, term = this.term): MessageHeader {
    return this.header(request.from, term, request.sequence);
  }

  /**
   * Sends what needs no write but that of the term it speaks in. The votes of others prove that term to be durable; the only
   * voter leads before it is, and must be silent until then, or it could lead the same term twice.
   */
  sendNow(message: Message): void {
    this.sendAfterPersist(message);
  }

  /** @param upTo the entry up to which the log must be durable first, beside term and vote; 0 for none */
  sendAfterPersist(message: Message, upTo = 0): void {
    const sending = this.persistence.withhold(message, upTo);
    if (sending === undefined) return;
    if ('now' in sending) this.outbox.sendNow.push(sending.now);
    else this.outbox.sendAfterPersist.push(sending.later);
  }

  requestLoad(load: Omit<LoadRequest, 'id'>): number {
    const id = ++this.loadSequence;
    this.outbox.loads.push({ id, ...load });
    return id;
  }

  /** Whether an answer of this sender counts: it is a member, and its store is the one that the configuration holds. */
  counts(message: MessageHeader): boolean {
    return memberById(this.configuration.configuration, message.from)?.incarnation === message.incarnation;
  }
}
