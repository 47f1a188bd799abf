import type { ConfirmedRead, RefusedRead } from '../../core/base/effects';
import type { ReplicatedStateMachine } from '../../state-machine/contract';
import { RaftError } from '../../errors/raft-error';
import { errorMessage } from '../base/error-message';
import type { PendingRequest, RequestHolder, RequestReturn } from '../requests/pending-request';
import type { RequestTable } from '../requests/request-table';
import type { StoreOwnershipProof } from '../store/store-ownership-proof';

export interface ReadPorts {
  readonly requests: RequestTable;
  readonly returns: RequestReturn;
  readonly machine: ReplicatedStateMachine;
  readonly proof: StoreOwnershipProof;
  /** Asks the store's session for a proof; `proved` is called then. */
  renewProof(): void;
  /** Asks the kernel; `confirmed` or `refused` is called with the context. */
  requestRead(context: number, lease: boolean): void;
  appliedIndex(): number;
  /** How old the local state is at most, in milliseconds; undefined where that isn't known. */
  ageMs(): number | undefined;
}

/**
 * Reads on their way: first the leader's round confirms an index (thesis §6.4), then the store's session must have been
 * alive, then everything up to the index must be applied. Only then is the local state an answer.
 */
export class Reads implements RequestHolder {
  private readonly confirming = new Map<number, PendingRequest>();
  private unproved = new Set<PendingRequest>();
  /** In order of arrival. Indexes hardly ever go down, so a read after a higher one waits for it too. */
  private readonly unapplied = new Set<PendingRequest>();
  private lastContext = 0;
  /** How many were confirmed or begun here, by consistency. */
  readonly counts = { linearizable: 0, lease: 0, stale: 0 };

  /** @param durableCommit what this store knew to be committed when it was opened: no read, a stale one neither, sees less */
  constructor(
    private readonly ports: ReadPorts,
    private readonly durableCommit: number,
  ) {}

  /** How many calls it holds: those that were settled otherwise aren't among them. */
  get size(): number {
    return this.confirming.size + this.unproved.size + this.unapplied.size;
  }

  /** On the leader: a read that sees everything which was acknowledged anywhere before. */
  begin(request: PendingRequest): void {
    const context = ++this.lastContext;
    request.confirmRead(context, this);
    this.confirming.set(context, request);
    this.ports.requestRead(context, request.consistency === 'lease');
  }

  /** On any node: a read of what is here. */
  beginStale(request: PendingRequest): void {
    this.counts.stale++;
    this.awaitApplied(request, Math.max(this.durableCommit, request.after));
  }

  /** The leader confirmed `index`; the answer is found here. */
  awaitApplied(request: PendingRequest, index: number): void {
    request.readAt(index);
    if (this.ports.appliedIndex() >= index) {
      request.release();
      this.answer(request);
    } else {
      request.holdBy(this);
      this.unapplied.add(request);
    }
  }

  confirmed(reads: readonly ConfirmedRead[]): void {
    for (const { context, index } of reads) {
      const request = this.taken(context);
      if (request === undefined) continue;
      request.readAt(index);
      if (request.consistency === 'lease') this.counts.lease++;
      else this.counts.linearizable++;
      this.prove(request);
    }
  }

  /** This node no longer leads. A read changes nothing, so it may ask the next leader. */
  refused(reads: readonly RefusedRead[]): void {
    for (const { context } of reads) {
      const request = this.taken(context);
      if (request !== undefined) this.ports.returns.retry(request);
    }
  }

  /** The session of the store showed that it is alive. */
  proved(): void {
    if (this.unproved.size === 0) return;
    const waiting = this.unproved;
    this.unproved = new Set();
    for (const request of waiting) this.prove(request);
  }

  /** Everything up to `index` is applied. */
  applied(index: number): void {
    for (const request of this.unapplied) {
      if (request.index > index) return;
      this.unapplied.delete(request);
      request.release();
      this.answer(request);
    }
  }

  /** A read under way was settled by its deadline. */
  forget(request: PendingRequest): void {
    this.confirming.delete(request.context);
    this.unproved.delete(request);
    this.unapplied.delete(request);
  }

  /**
   * The round counted this replica among those that confirmed it, which holds only if no other process has voted for it
   * meanwhile.
   */
  private prove(request: PendingRequest): void {
    if (!this.ports.proof.isFresh()) {
      request.holdBy(this);
      this.unproved.add(request);
      this.ports.renewProof();
    } else if (request.kind === 'readIndex')
      this.ports.requests.succeed(request, { value: undefined, index: request.index });
    else this.awaitApplied(request, request.index);
  }

  private answer(request: PendingRequest): void {
    const lagging = this.laggingBy(request);
    if (lagging !== undefined) {
      this.ports.requests.fail(request, lagging);
      return;
    }
    if (request.kind !== 'query') {
      this.ports.requests.succeed(request, { value: undefined, index: request.index });
      return;
    }
    const index = this.ports.appliedIndex();
    this.ports.machine.query(request.body).then(
      (value) => this.ports.requests.succeed(request, { value, index }),
      (error: unknown) =>
        this.ports.requests.succeed(request, { value: { status: 'failed', message: errorMessage(error) }, index }),
    );
  }

  private laggingBy({ maxLagMs }: PendingRequest): RaftError | undefined {
    if (maxLagMs === undefined) return undefined;
    const ageMs = this.ports.ageMs();
    if (ageMs !== undefined && ageMs <= maxLagMs) return undefined;
    const age = ageMs === undefined ? 'of unknown age' : `up to ${Math.ceil(ageMs)} ms old`;
    return new RaftError(
      'RAFT_LAGGING',
      `The state of this node is ${age}, and ${maxLagMs} ms were asked for: ask another node, or allow more.`,
      { retryAfterMs: 500 },
    );
  }

  private taken(context: number): PendingRequest | undefined {
    const request = this.confirming.get(context);
    if (request === undefined) return undefined;
    this.confirming.delete(context);
    request.release();
    return request;
  }
}
