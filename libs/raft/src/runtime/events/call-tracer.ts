import type { LogId } from '../../core/base/types';
import type { CallOutcome, RequestKind } from '../base/request-kind';

/** A call that comes in at a node. @publicApi */
export interface TracedCall {
  readonly kind: RequestKind;
  /** Bytes of the command or the query. */
  readonly bytes: number;
  /** The caller's trace context, where another node sent the call on; undefined for a call of this process. */
  readonly carrier: string | undefined;
}

/** One traced call on its way through one node. None of it may throw. @publicApi */
export interface CallTrace {
  /** What travels to the leader with a call that is sent on, so that both nodes' parts are one trace: W3C `traceparent`. */
  carrier(): string;
  /** The call was handed over to the leader of this name. Called again where it has to be sent to another. */
  forwarded(to: string): void;
  /** The command stands in this leader's log. */
  appended(place: LogId): void;
  /** Its entry is durable on this node. */
  persisted(): void;
  /** Its entry is committed, and was handed to the state machine. */
  committed(): void;
  /** It was answered. Nothing is called afterwards. */
  ended(outcome: CallOutcome): void;
}

/** Makes the traces of a node's calls; `openTelemetryTracer()` of `nestjs-raft/opentelemetry` is one. @publicApi */
export interface CallTracer {
  /**
   * Called in the asynchronous context of the caller.
   *
   * @returns undefined where this call isn't traced
   */
  begin(call: TracedCall): CallTrace | undefined;
}
