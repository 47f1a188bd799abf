import type { LogId } from '../../core/base/types';
import type { RaftError } from '../../errors/raft-error';
import { isRepeatable } from '../../state-machine/entries/command-envelope';
import type { CommandOutcome } from '../../state-machine/contract';
import type { CallTrace } from '../events/call-tracer';
import type { CallOutcome, RequestKind } from '../base/request-kind';
import { DeadlineEntry } from '../base/deadline-entry';
import type { RequestParameters } from '../base/request-parameters';
import type { RelayPlace } from './relay-place';
import type { Ordered, ReadConsistency } from '../base/call-options';

/**
 * How far a request has come, which decides what may be said of it. `parked`: it is nowhere yet, so it is certainly not
 * applied. `inLog`: it is in this leader's log. `forwarded`: another node has it. `reading`: a read waits for its round, its
 * proof, or for entries to be applied; it changes nothing.
 */
export type RequestStage = 'parked' | 'inLog' | 'forwarded' | 'reading' | 'settled';

/** The part that holds a request, and lets go of it when it is settled by another. */
export interface RequestHolder {
  forget(request: PendingRequest): void;
}

/** Takes a request back that must find a leader again: it is certainly not applied, or may be sent again. */
export interface RequestReturn {
  retry(request: PendingRequest): void;
}

export type RequestResult = Ordered<CommandOutcome | undefined>;

const NOTHING = new Uint8Array(0);

/**
 * One call, from its start to its one answer, through all its attempts. It is a node of the deadline queue and of the list of
 * those that wait for the same index, so that a call costs few allocations and no timer.
 */
export class PendingRequest extends DeadlineEntry {
  private stageNow: RequestStage = 'parked';
  private holder: RequestHolder | undefined;

  private indexNow = 0;
  private termNow = 0;
  private sameIndex: PendingRequest | undefined;

  private forwardIdNow = 0;
  private forwardedToNow = '';
  private forwardedMs = 0;
  private unresolved = 0;
  private readContext = 0;
  private relayNow: RelayPlace | undefined;

  private retries = 0;
  private retryMs = 0;

  private counted = 0;
  private traceNow: CallTrace | undefined;
  private settled: ((outcome: CallOutcome, index: number | null) => void) | undefined;

  readonly kind: RequestKind;
  readonly schemaVersion: number;
  readonly consistency: ReadConsistency;
  readonly mayForward: boolean;
  readonly timeoutMs: number;
  readonly maxLagMs: number | undefined;
  readonly after: number;
  readonly isFromPeer: boolean;
  readonly carrier: string | undefined;
  readonly caller: string | undefined;
  private bodyNow: Uint8Array;

  constructor(
    parameters: RequestParameters,
    private readonly resolve: (result: RequestResult) => void,
    private readonly reject: (error: RaftError) => void,
  ) {
    super();
    this.kind = parameters.kind;
    this.bodyNow = parameters.body;
    this.schemaVersion = parameters.schemaVersion;
    this.consistency = parameters.consistency;
    this.mayForward = parameters.mayForward;
    this.timeoutMs = parameters.timeoutMs;
    this.maxLagMs = parameters.maxLagMs;
    this.after = parameters.after ?? 0;
    this.isFromPeer = parameters.isFromPeer ?? false;
    this.carrier = parameters.carrier;
    this.caller = parameters.caller;
  }

  get stage(): RequestStage {
    return this.stageNow;
  }

  get body(): Uint8Array {
    return this.bodyNow;
  }

  /** Where it stands in the log (`inLog`), or up to where entries must be applied before it is answered (`reading`). */
  get index(): number {
    return this.indexNow;
  }

  get term(): number {
    return this.termNow;
  }

  /** The number under which it was sent on last. */
  get forwardId(): number {
    return this.forwardIdNow;
  }

  /** The address to which it was sent on last; empty where it never was. */
  get forwardedTo(): string {
    return this.forwardedToNow;
  }

  /** When it was last sent on. */
  get forwardedAtMs(): number {
    return this.forwardedMs;
  }

  /** How often it was sent on, or was in the log, without anybody having said that it isn't applied by that. */
  get unresolvedSends(): number {
    return this.unresolved;
  }

  /** The context of its read. */
  get context(): number {
    return this.readContext;
  }

  /** Its place in a session of this node, in which it is sent on. */
  get relay(): RelayPlace | undefined {
    return this.relayNow;
  }

  /** How often it came back. */
  get attempts(): number {
    return this.retries;
  }

  get retryAtMs(): number {
    return this.retryMs;
  }

  /** What the request table counts it for. */
  get heldBytes(): number {
    return this.counted;
  }

  get trace(): CallTrace | undefined {
    return this.traceNow;
  }

  get isSettled(): boolean {
    return this.stageNow === 'settled';
  }

  get isWrite(): boolean {
    return this.kind === 'propose' || this.kind === 'session';
  }

  /** A write may be applied, now or later, although nobody can say: it left for a log and wasn't decided. */
  get isIndeterminate(): boolean {
    return this.isWrite && (this.stageNow === 'inLog' || this.stageNow === 'forwarded' || this.unresolved > 0);
  }

  /** The state machine tells a repetition from it; or it changes nothing, or nothing more when it is repeated. */
  get mayBeSentAgain(): boolean {
    return this.kind !== 'propose' || isRepeatable(this.bodyNow);
  }

  beginTrace(trace: CallTrace | undefined): void {
    this.traceNow = trace;
  }

  /** @param settled called with the answer */
  onSettled(settled: (outcome: CallOutcome, index: number | null) => void): void {
    this.settled = settled;
  }

  /** It waits for an answer from now on. */
  open(deadlineMs: number): void {
    this.setDeadline(deadlineMs);
    this.counted = this.bodyNow.length;
  }

  /** It waits where it certainly isn't applied. */
  park(holder: RequestHolder): void {
    this.stageNow = 'parked';
    this.holder = holder;
  }

  /** It came back, and is tried again; not before `atMs`. */
  retryFrom(atMs: number): void {
    this.stageNow = 'parked';
    this.retries++;
    this.retryMs = atMs;
  }

  /** Nobody holds it for the moment. */
  release(): void {
    this.holder = undefined;
  }

  /** It is in this leader's log. @param sameIndex another that waits for the same index */
  enterLog({ index, term }: LogId, sameIndex: PendingRequest | undefined): void {
    this.stageNow = 'inLog';
    this.indexNow = index;
    this.termNow = term;
    this.sameIndex = sameIndex;
  }

  /** Its index is decided. @returns the next that waits for the same index */
  leaveLog(): PendingRequest | undefined {
    const { sameIndex } = this;
    this.sameIndex = undefined;
    return sameIndex;
  }

  /** Another node has it. @param id the number under which it was sent on */
  sendOn(id: number, address: string, nowMs: number, holder: RequestHolder): void {
    this.stageNow = 'forwarded';
    this.forwardedMs = nowMs;
    this.unresolved++;
    this.forwardIdNow = id;
    this.forwardedToNow = address;
    this.holder = holder;
  }

  /** What became of an attempt, nobody can say. */
  leaveUnresolved(): void {
    this.unresolved++;
  }

  /** An attempt has been answered. */
  resolveSend(): void {
    this.unresolved--;
  }

  /** A read waits for the leader's round. */
  confirmRead(context: number, holder: RequestHolder): void {
    this.stageNow = 'reading';
    this.readContext = context;
    this.holder = holder;
  }

  /** A read has to see everything up to `index`. */
  readAt(index: number): void {
    this.stageNow = 'reading';
    this.indexNow = index;
  }

  /** It waits where it is, held by `holder`. */
  holdBy(holder: RequestHolder): void {
    this.holder = holder;
  }

  /** @param body the command with its place */
  enterRelay(relay: RelayPlace, body: Uint8Array): void {
    this.relayNow = relay;
    this.bodyNow = body;
  }

  /** It is certainly not applied, and gets another place. */
  leaveRelay(): void {
    const relay = this.relayNow;
    if (relay === undefined) return;
    this.relayNow = undefined;
    this.bodyNow = relay.command;
    relay.session.sequences.end(relay.sequence);
  }

  settleWith(result: RequestResult): void {
    this.finish(result.value?.status ?? 'applied', result.index);
    this.resolve(result);
  }

  failWith(error: RaftError): void {
    this.finish(error.code, null);
    this.reject(error);
  }

  private finish(outcome: CallOutcome, index: number | null): void {
    const { holder } = this;
    holder?.forget(this);
    this.holder = undefined;
    this.stageNow = 'settled';
    // It isn't sent again, whatever became of it.
    if (this.relayNow !== undefined) this.leaveRelay();
    this.bodyNow = NOTHING;
    this.traceNow?.ended(outcome);
    this.settled?.(outcome, index);
  }
}
