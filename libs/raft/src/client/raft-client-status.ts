import type { LeaderStatus } from '../runtime/status/status';

/** A node, as a client sees it. @publicApi */
export interface ClientNodeStatus {
  /** Where it is dialled. */
  readonly address: string;
  /** Empty until it has said it. */
  readonly name: string;
  readonly isConnected: boolean;
  /** Why it isn't, as far as that is known. */
  readonly detail: string;
}

/** Where a client stands. @publicApi */
export interface RaftClientStatus {
  readonly phase: 'created' | 'running' | 'stopping' | 'stopped';
  readonly clientName: string;
  readonly clusterName: string;
  readonly group: string;
  /** Empty until a node has said it. */
  readonly clusterId: string;
  /** The term of the newest leader that a node has told of; 0 while none is known. */
  readonly term: number;
  /** Null while no node that is connected knows one. */
  readonly leader: LeaderStatus | null;
  readonly nodes: readonly ClientNodeStatus[];
  /** Calls that have no answer yet. */
  readonly pending: number;
}
