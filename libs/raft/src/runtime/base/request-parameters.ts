import type { ReadConsistency } from './call-options';
import type { RequestKind } from './request-kind';

/** What a request is made with. */
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
