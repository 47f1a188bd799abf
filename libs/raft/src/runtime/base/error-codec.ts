import { isRaftError, type LeaderHint, RaftError, type RaftErrorCode } from '../../errors/raft-error';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';

/** An error as it is sent: these names never change. */
interface WireError {
  readonly code: string;
  readonly message: string;
  readonly details: {
    readonly leader?: WireLeaderHint;
    readonly reason: string | undefined;
    readonly details: unknown;
    readonly retryAfterMs: number | undefined;
  };
}

interface WireLeaderHint {
  /** Where the error came from a node that knew it. */
  readonly id?: number;
  readonly name: string;
  readonly peer: string;
  readonly http: string;
}

/** A hint is often made of a status, which has more than a hint promises. */
type KnownLeader = LeaderHint & { readonly id?: number };

export function encodeError({ code, message, leader, reason, details, retryAfterMs }: RaftError): Uint8Array {
  const wire: WireError = {
    code,
    message,
    details: { ...(leader && { leader: toWireLeaderHint(leader) }), reason, details, retryAfterMs },
  };
  return encodeValue(wire);
}

/** @returns what the other node answered, or undefined for what this version doesn't know */
export function decodeError(bytes: Uint8Array): RaftError | undefined {
  try {
    const { code, message, details } = decodeValue(bytes) as WireError;
    if (!isKnownCode(code)) return undefined;
    const { leader, reason, retryAfterMs } = details;
    return new RaftError(code, message, {
      ...(leader !== undefined && { leader: fromWireLeaderHint(leader) }),
      ...(reason !== undefined && { reason }),
      details: details.details,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  } catch {
    return undefined;
  }
}

/** @returns the error as it is, or as one that says that the node is at fault */
export function asRaftError(error: unknown): RaftError {
  if (isRaftError(error)) return error;
  return new RaftError('RAFT_FATAL', `This is a bug: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}

function toWireLeaderHint({ id, name, peer, http }: KnownLeader): WireLeaderHint {
  return { ...(id !== undefined && { id }), name, peer, http };
}

function fromWireLeaderHint({ id, name, peer, http }: WireLeaderHint): KnownLeader {
  return { ...(id !== undefined && { id }), name, peer, http };
}

const KNOWN_CODES: Readonly<Record<RaftErrorCode, true>> = {
  RAFT_NOT_STARTED: true,
  RAFT_NOT_LEADER: true,
  RAFT_NO_LEADER: true,
  RAFT_BUSY: true,
  RAFT_INDETERMINATE: true,
  RAFT_TIMEOUT: true,
  RAFT_LAGGING: true,
  RAFT_REJECTED: true,
  RAFT_CONFLICT: true,
  RAFT_LOCKED: true,
  RAFT_LOCK_LOST: true,
  RAFT_COMPACTED: true,
  RAFT_SESSION_EXPIRED: true,
  RAFT_STORAGE: true,
  RAFT_QUARANTINED: true,
  RAFT_FORBIDDEN: true,
  RAFT_SHUTTING_DOWN: true,
  RAFT_OUTSIDE_COMMAND: true,
  RAFT_CONFIGURATION: true,
  RAFT_FATAL: true,
};

function isKnownCode(code: string): code is RaftErrorCode {
  return Object.hasOwn(KNOWN_CODES, code);
}
