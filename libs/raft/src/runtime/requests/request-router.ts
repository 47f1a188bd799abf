import { RaftError } from '../../errors/raft-error';
import { NO_REPLICA, type ReplicaId } from '../../core/base/types';
import type { Forwarder } from './forwarder';
import type { PendingRequest, RequestHolder, RequestReturn } from './pending-request';
import type { LeaderHint } from '../../errors/raft-error';
import type { RequestTable } from './request-table';
import type { Scheduler } from '../base/scheduler';

const FIRST_RETRY_MS = 10;
const LONGEST_RETRY_MS = 200;

/** The replica that serves calls on this node, once there is one. */
export interface ServingReplica {
  readonly replicaId: ReplicaId;
  readonly isLeading: boolean;
  readonly leader: ReplicaId;
  /** Puts a command, or an operation on a session, into the log of this leader. */
  readonly proposer: { propose(request: PendingRequest): void };
  readonly reads: {
    /** On the leader: a read that sees everything which was acknowledged anywhere before. */
    begin(request: PendingRequest): void;
    /** A read of what is here. */
    beginStale(request: PendingRequest): void;
  };
}

/**
 * Finds for each call who can serve it: this node, the leader, or, for as long as none is known, nobody yet. A call that
 * comes back without having entered a log goes round again, up to its deadline.
 */
export class RequestRouter implements RequestHolder, RequestReturn {
  replica: ServingReplica | undefined;
  private readonly parked = new Set<PendingRequest>();

  constructor(
    private readonly requests: RequestTable,
    private readonly forwarder: Forwarder,
    private readonly scheduler: Scheduler,
    private readonly hintOf: (replica: ReplicaId) => LeaderHint | undefined,
    /** Answers a read here, once the leader has said what it must see. */
    private readonly readHere: (request: PendingRequest) => void,
  ) {}

  /** How many wait for a leader. */
  get size(): number {
    return this.parked.size;
  }

  dispatch(request: PendingRequest): void {
    const { replica } = this;
    if (replica === undefined) this.withoutLeader(request);
    else if (isRead(request) && request.consistency === 'stale') replica.reads.beginStale(request);
    else if (replica.isLeading)
      if (request.isWrite) replica.proposer.propose(request);
      else replica.reads.begin(request);
    else if (replica.leader === NO_REPLICA || replica.leader === replica.replicaId) this.withoutLeader(request);
    else if (!request.mayForward) this.requests.fail(request, notLeader(this.hintOf(replica.leader)));
    else if (request.kind === 'query') this.readHere(request);
    else if (!this.forwarder.forward(request, replica.leader)) this.park(request);
  }

  /** The call is certainly in no log, or may be sent again. */
  retry(request: PendingRequest): void {
    if (request.isSettled) return;
    const pauseMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(request.attempts, 10));
    request.retryFrom(this.scheduler.nowMs() + pauseMs);
    if (request.mayForward) {
      this.park(request);
      return;
    }
    const leader = this.replica?.leader ?? NO_REPLICA;
    this.requests.fail(request, leader === NO_REPLICA ? noLeader() : notLeader(this.hintOf(leader)));
  }

  /** Waits for something to change here: `wake` or a tick takes it up again. */
  park(request: PendingRequest): void {
    request.park(this);
    this.parked.add(request);
  }

  forget(request: PendingRequest): void {
    this.parked.delete(request);
  }

  /** A leader is known, a connection stands, entries were applied: whatever waits may have a way now. */
  wake(): void {
    this.dispatchParked(Number.POSITIVE_INFINITY);
  }

  tick(nowMs: number): void {
    if (this.replica !== undefined && this.replica.leader !== NO_REPLICA) this.dispatchParked(nowMs);
  }

  private dispatchParked(untilMs: number): void {
    if (this.parked.size === 0) return;
    for (const request of [...this.parked]) {
      if (request.retryAtMs > untilMs) continue;
      this.parked.delete(request);
      request.release();
      this.dispatch(request);
    }
  }

  private withoutLeader(request: PendingRequest): void {
    if (request.mayForward) this.park(request);
    else this.requests.fail(request, noLeader());
  }
}

/** What may be answered from what is here; `readIndex` is a leader's part of another node's read. */
function isRead({ kind }: PendingRequest): boolean {
  return kind === 'query' || kind === 'barrier';
}

function notLeader(leader: LeaderHint | undefined): RaftError {
  return new RaftError(
    'RAFT_NOT_LEADER',
    leader === undefined
      ? 'This node does not lead, and nothing was applied: ask another.'
      : `This node does not lead, and nothing was applied: ask '${leader.name}'.`,
    { leader },
  );
}

function noLeader(): RaftError {
  return new RaftError(
    'RAFT_NO_LEADER',
    'No leader is known at the moment, and nothing was applied: an election is under way, or too few nodes are up. Try again.',
    { retryAfterMs: 1000 },
  );
}
