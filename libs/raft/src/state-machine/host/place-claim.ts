import { decodeCommand, readCommandName } from '../entries/command-envelope';
import { decodeSessionOperation } from '../entries/session-entry';

/**
 * What an entry does to the places that the group keeps for its callers: `take` asks for a new one (or for its own again), `renew`
 * lets it last, `drop` gives it back. `ttlMs`: how long it lasts from then on, where the entry says so.
 */
export interface PlaceClaim {
  readonly of: 'session' | 'key' | 'lease';
  readonly does: 'take' | 'renew' | 'drop';
  readonly id: string;
  readonly ttlMs?: number | undefined;
}

const HAS_KEY_OFFSET = 1;
/** The machines of locks and semaphores, whose keys are held and waited for. */
const LEASE_MACHINES: ReadonlySet<string> = new Set(['raft.locks', 'raft.semaphores']);

/** @returns undefined where the entry claims nothing that is bounded @throws the errors of its codec */
export function sessionClaim(data: Uint8Array): PlaceClaim {
  const { operation } = decodeSessionOperation(data);
  // The id of a session ends with the nonce that it was opened with: so both name the same place.
  if (operation.kind === 'open')
    return { of: 'session', does: 'take', id: operation.nonce.toString(16), ttlMs: operation.ttlMs };
  return {
    of: 'session',
    does: operation.kind === 'close' ? 'drop' : 'renew',
    id: operation.clientId.slice(operation.clientId.indexOf('.') + 1),
  };
}

/** @returns undefined where the command claims nothing that is bounded @throws the errors of its codec */
export function commandClaim(data: Uint8Array, keyTtlMs: number): PlaceClaim | undefined {
  const { machine, command } = readCommandName(data);
  const isLease = LEASE_MACHINES.has(machine);
  // The arguments are read only where something is claimed.
  if (!isLease && data[HAS_KEY_OFFSET] === 0) return undefined;
  const { idempotencyKey, session, isRelayed, args } = decodeCommand(data);
  if (idempotencyKey !== undefined) return { of: 'key', does: 'take', id: idempotencyKey, ttlMs: keyTtlMs };
  if (isLease) return leaseClaim(command, args);
  if (session === undefined || isRelayed) return undefined;
  return { of: 'session', does: 'renew', id: session.clientId.slice(session.clientId.indexOf('.') + 1) };
}

function leaseClaim(command: string, args: readonly unknown[]): PlaceClaim | undefined {
  if (command === 'acquire') {
    const { id, ttlMs, waitMs } = (args[0] ?? {}) as Readonly<Record<string, unknown>>;
    return { of: 'lease', does: 'take', id: String(id), ttlMs: millisecondsOf(ttlMs) + millisecondsOf(waitMs) };
  }
  const does = command === 'renew' ? 'renew' : command === 'release' || command === 'leave' ? 'drop' : undefined;
  return does && { of: 'lease', does, id: String(args[1]) };
}

/** Whatever a caller sends here is no reason to count it wrong. */
function millisecondsOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0;
}
