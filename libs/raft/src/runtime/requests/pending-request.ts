import type { RaftError } from '../../errors/raft-error';
import { isRepeatable } from '../../state-machine/entries/command-envelope';
import type { CommandOutcome } from '../../state-machine/contract';
import type { CallTrace } from '../events/call-tracer';
import type { RequestKind, CallOutcome } from '../base/request-kind';
import type { RelayPlace } from './relay-place';
import type { Ordered, ReadConsistency } from '../base/call-options';

/**
 * How far a request has come, which decides what may be said of it. `parked`: it is nowhere yet, so it is certainly not
 * applied. `inLog`: it is in this leader's log. `forwarded`: another node has it. `reading`: a read waits for its round, its
 * proof, or for entries to be applied; it changes nothing.
 */
export type RequestStage = 'parked' | 'inLog' | 'forwarded' | 'reading' | 'settled';

/** Whoever holds a request, and lets go of it when it is settled by somebody else. */
export interface RequestHolder {
  forget(request: PendingRequest): void;
}

/** Takes a request back that must find a leader anew: it is certainly not applied, or may be sent again. */
export interface RequestReturn {
  retry(request: PendingRequest): void;
}

export type RequestResult = Ordered<CommandOutcome | undefined>;

export interface RequestParameters {
  readonly kind: RequestKind;
  /** The command or the query. It is never changed, and not kept after the answer. */
  readonly body: Uint8Array;
  readonly schemaVersion: number;
  readonly consistency: ReadConsistency;
  /** False: answered at once where this node can't serve it, and never sent on. */
  readonly mayForward: boolean;
  readonly timeoutMs: number;
  /** Of a stale read: how old the state may be; undefined for any age. */
  readonly maxLagMs?: number | undefined;
  /** Of a stale read: the index that it has to see; 0 for none. */
  readonly after?: number | undefined;
  /** Whether another node sent it on. Default false. */
  readonly isFromPeer?: boolean;
  /** The trace context of the node that sent it on. */
  readonly carrier?: string | undefined;
  /** Whom bounds per caller count it for; undefined for the application of a node. */
  readonly caller?: string | undefined;
}

const NOTHING = new Uint8Array(0);

/**
 * One call, from its start to its one answer, through all its attempts. It is a node of the deadline queue and of the list of
 * those that wait for the same index, so that a call costs few allocations and no timer.
 */
export class PendingRequest {
  stage: RequestStage = 'parked';
  holder: RequestHolder | undefined;

  /** Where it stands in the log (`inLog`), or up to where entries must be applied before it is answered (`reading`). */
  index = 0;
  term = 0;
  nextOfSameIndex: PendingRequest | undefined;

  /** The number under which it was forwarded, and to which address. */
  forwardId = 0;
  forwardedTo = '';
  /** The context of its read. */
  context = 0;

  /** When it was last sent on, and how often it was without the leader having said that it isn't applied by that. */
  forwardedAtMs = 0;
  unresolvedSends = 0;
  /** Its place in a session of this node, in which it is sent on. */
  relay: RelayPlace | undefined;

  attempts = 0;
  retryAtMs = 0;

  /** What the ledger counts it for. */
  heldBytes = 0;
  deadlineMs = 0;
  trace: CallTrace | undefined;
  /** Hears of the answer, where somebody wants to know. */
  watch: ((outcome: CallOutcome, index: number | null) => void) | undefined;

  earlier: PendingRequest | undefined;
  later: PendingRequest | undefined;

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
  body: Uint8Array;

  constructor(
    parameters: RequestParameters,
    private readonly resolve: (result: RequestResult) => void,
    private readonly reject: (error: RaftError) => void,
  ) {
    this.kind = parameters.kind;
    this.body = parameters.body;
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

  get isSettled(): boolean {
    return this.stage === 'settled';
  }

  get isWrite(): boolean {
    return this.kind === 'propose' || this.kind === 'session';
  }

  /** A write may be applied, now or later, although nobody can say: it left for a log and wasn't decided. */
  get isIndeterminate(): boolean {
    return this.isWrite && (this.stage === 'inLog' || this.stage === 'forwarded' || this.unresolvedSends > 0);
  }

  /** The state machine tells a repetition from it; or it changes nothing, or nothing more when it is repeated. */
  get mayBeSentAgain(): boolean {
    return this.kind !== 'propose' || isRepeatable(this.body);
  }

  /** @param body the command with its place */
  enterRelay(relay: RelayPlace, body: Uint8Array): void {
    this.relay = relay;
    this.body = body;
  }

  /** It is certainly not applied, and gets another place. */
  leaveRelay(): void {
    const { relay } = this;
    if (relay === undefined) return;
    this.relay = undefined;
    this.body = relay.command;
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
    this.stage = 'settled';
    // It isn't sent again, whatever became of it.
    if (this.relay !== undefined) this.leaveRelay();
    this.body = NOTHING;
    this.trace?.ended(outcome);
    this.watch?.(outcome, index);
  }
}
