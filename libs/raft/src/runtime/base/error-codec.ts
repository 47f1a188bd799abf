import { RaftError, type RaftErrorDetails, isRaftError, type RaftErrorCode } from '../../errors/raft-error';
import { encodeValue, decodeValue } from '../../state-machine/codec/value-codec';

/** An error as it travels between nodes: its properties by name. */
export function encodeError(error: RaftError): Uint8Array {
  const { code, message, leader, reason, details, retryAfterMs } = error;
  return encodeValue({
    code,
    message,
    details: { ...(leader && { leader: { ...leader } }), reason, details, retryAfterMs },
  });
}

/** @returns what the other node answered, or undefined for what this version doesn't know */
export function decodeError(bytes: Uint8Array): RaftError | undefined {
  try {
    const { code, message, details } = decodeValue(bytes) as {
      readonly code: string;
      readonly message: string;
      readonly details: RaftErrorDetails;
    };
    return isKnownCode(code) ? new RaftError(code, message, details) : undefined;
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
