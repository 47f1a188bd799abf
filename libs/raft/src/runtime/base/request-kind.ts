import type { CommandOutcome } from '../../state-machine/contract';
import type { RaftErrorCode } from '../../errors/raft-error';

/**
 * `session` opens, renews or ends a client session; `barrier` waits until its index is applied here; `readIndex` is the leader's
 * part of another node's barrier.
 */
export type RequestKind = 'propose' | 'session' | 'query' | 'barrier' | 'readIndex';

/** How a call ended: what the state machine answered, or the code of its error. @publicApi */
export type CallOutcome = CommandOutcome['status'] | RaftErrorCode;
