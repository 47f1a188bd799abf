import { MalformedBytesError } from '../../state-machine/codec/codec-errors';
import type { CommandOutcome } from '../../state-machine/contract';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';
import type { RequestResult } from './pending-request';
import type { ReadConsistency } from '../base/call-options';

/** What a node asks of the leader on behalf of its caller. */
export interface ForwardedRequest {
  /** The life of the receiver that is meant: a request that outlives it, in a buffer or a repeat, is dropped. */
  readonly bootNonce: string;
  readonly schemaVersion: number;
  readonly consistency: ReadConsistency;
  readonly body: Uint8Array;
  /** The caller's trace context, where the call is traced. */
  readonly carrier?: string | undefined;
  /** Of a client's stale read: how old the state may be, in milliseconds. */
  readonly maxLagMs?: number | undefined;
  /** Of a client's stale read: the index that it has to see. 0 or absent: none. */
  readonly after?: number | undefined;
  /** Whom bounds per caller count it for; absent for the application of the node that sends it on. */
  readonly caller?: string | undefined;
}

const FORMAT = 1;
/** Set beside the consistency where a trace context follows the nonce: a call that isn't traced has the bytes of old. */
const HAS_CARRIER = 0x80;
/** Set where the bounds of a client's stale read stand before the body. Nodes never send such on. */
const HAS_BOUNDS = 0x40;
/** Set where the caller stands before the body: a call without one has the bytes of old. */
const HAS_CALLER = 0x20;
const MAX_CALLER_BYTES = 255;
const BOUNDS_BYTES = 16;
const MAX_CARRIER_BYTES = 1024;
const CONSISTENCIES: readonly ReadConsistency[] = ['linearizable', 'lease', 'stale'];

/**
 * Format, consistency, schema version (4 bytes), the nonce behind its length, where there is one the trace context behind its
 * length (2 bytes), where there are any the bounds of a stale read (its lag and its index, 8 bytes each), where there is one the
 * caller behind its length (1 byte), the body. Numbers are big endian.
 */
export function encodeRequest(request: ForwardedRequest): Uint8Array {
  const nonce = Buffer.from(request.bootNonce, 'utf8');
  const carrier = carrierBytes(request.carrier);
  const bounds = boundsBytes(request);
  const caller = callerBytes(request.caller);
  const boundsAt = 7 + nonce.length + carrier.length;
  const callerAt = boundsAt + bounds.length;
  const out = Buffer.allocUnsafe(callerAt + caller.length + request.body.length);
  const flags =
    (carrier.length > 0 ? HAS_CARRIER : 0) |
    (bounds.length > 0 ? HAS_BOUNDS : 0) |
    (caller.length > 0 ? HAS_CALLER : 0);
  out[0] = FORMAT;
  out[1] = CONSISTENCIES.indexOf(request.consistency) | flags;
  out.writeUInt32BE(request.schemaVersion, 2);
  out.writeUInt8(nonce.length, 6);
  out.set(nonce, 7);
  out.set(carrier, 7 + nonce.length);
  out.set(bounds, boundsAt);
  out.set(caller, callerAt);
  out.set(request.body, callerAt + caller.length);
  return out;
}

/** A longer name is cut: it still names one caller, or a few that share their beginning. */
function callerBytes(caller: string | undefined): Buffer {
  if (caller === undefined || caller === '') return NO_CARRIER;
  const name = Buffer.from(caller, 'utf8').subarray(0, MAX_CALLER_BYTES);
  return Buffer.concat([Uint8Array.of(name.length), name]);
}

const NO_CARRIER = Buffer.alloc(0);

function boundsBytes({ consistency, maxLagMs, after = 0 }: ForwardedRequest): Buffer {
  if (consistency !== 'stale' || (maxLagMs === undefined && after === 0)) return NO_CARRIER;
  const out = Buffer.allocUnsafe(BOUNDS_BYTES);
  out.writeDoubleBE(maxLagMs ?? Infinity, 0);
  out.writeBigUInt64BE(BigInt(after), 8);
  return out;
}

function readBounds(input: Buffer, at: number): Pick<ForwardedRequest, 'maxLagMs' | 'after'> {
  const maxLagMs = input.readDoubleBE(at);
  const after = Number(input.readBigUInt64BE(at + 8));
  return { ...(maxLagMs !== Infinity && { maxLagMs }), after };
}

/** One that is too long is left out: the call matters, and its trace doesn't. */
function carrierBytes(carrier: string | undefined): Buffer {
  const length = carrier === undefined ? 0 : Buffer.byteLength(carrier, 'utf8');
  if (carrier === undefined || length === 0 || length > MAX_CARRIER_BYTES) return NO_CARRIER;
  const out = Buffer.allocUnsafe(2 + length);
  out.writeUInt16BE(length, 0);
  out.write(carrier, 2, 'utf8');
  return out;
}

/** @returns undefined for bytes that aren't a request of this version */
export function decodeRequest(bytes: Uint8Array): ForwardedRequest | undefined {
  const input = bufferOver(bytes);
  if (input.length < 7 || input[0] !== FORMAT) return undefined;
  const consistency = CONSISTENCIES[input[1]! & ~(HAS_CARRIER | HAS_BOUNDS | HAS_CALLER)];
  const nonceEnd = 7 + input[6]!;
  const carrierAt = (input[1]! & HAS_CARRIER) === 0 ? nonceEnd : nonceEnd + 2;
  if (consistency === undefined || input.length < carrierAt) return undefined;
  const boundsAt = carrierAt === nonceEnd ? nonceEnd : carrierAt + input.readUInt16BE(nonceEnd);
  const hasBounds = (input[1]! & HAS_BOUNDS) !== 0;
  const hasCaller = (input[1]! & HAS_CALLER) !== 0;
  const callerAt = hasBounds ? boundsAt + BOUNDS_BYTES : boundsAt;
  if (input.length < (hasCaller ? callerAt + 1 : callerAt)) return undefined;
  const bodyAt = hasCaller ? callerAt + 1 + input[callerAt]! : callerAt;
  if (input.length < bodyAt) return undefined;
  return {
    bootNonce: input.toString('utf8', 7, nonceEnd),
    schemaVersion: input.readUInt32BE(2),
    consistency,
    ...(boundsAt > carrierAt && { carrier: input.toString('utf8', carrierAt, boundsAt) }),
    ...(hasBounds && readBounds(input, boundsAt)),
    ...(hasCaller && { caller: input.toString('utf8', callerAt + 1, bodyAt) }),
    body: bytes.subarray(bodyAt),
  };
}

const OUTCOMES = [
  'none',
  'applied',
  'appliedWithValue',
  'rejected',
  'failed',
  'sessionExpired',
  'busy',
  'conflict',
] as const;
const RESULT_HEADER_BYTES = 10;

/** Format, kind of the outcome, index (8 bytes), and what the outcome carries. */
export function encodeResult(result: RequestResult): Uint8Array {
  const { value: outcome, index } = result;
  switch (outcome?.status) {
    case undefined:
      return resultBytes('none', index);
    case 'applied':
      return outcome.value === undefined
        ? resultBytes('applied', index)
        : resultBytes('appliedWithValue', index, outcome.value);
    case 'rejected': {
      const { reason, message, details } = outcome;
      return resultBytes('rejected', index, encodeValue([reason, message, details]));
    }
    case 'busy':
      return resultBytes(
        'busy',
        index,
        encodeValue([
          outcome.reason,
          outcome.message,
          ...(outcome.retryAfterMs === undefined ? [] : [outcome.retryAfterMs]),
        ]),
      );
    case 'failed':
    case 'sessionExpired':
    case 'conflict':
      return resultBytes(outcome.status, index, encodeValue([outcome.message]));
  }
}

/** @throws MalformedBytesError for bytes that aren't a result of this version */
export function decodeResult(bytes: Uint8Array): RequestResult {
  const input = bufferOver(bytes);
  if (input.length < RESULT_HEADER_BYTES || input[0] !== FORMAT) throw malformed('it is of an unknown format');
  const index = Number(input.readBigUInt64BE(2));
  if (!Number.isSafeInteger(index)) throw malformed('its index is none');
  return { value: decodeOutcome(OUTCOMES[input[1]!], bytes.subarray(RESULT_HEADER_BYTES)), index };
}

function decodeOutcome(kind: (typeof OUTCOMES)[number] | undefined, bytes: Uint8Array): CommandOutcome | undefined {
  switch (kind) {
    case 'none':
      return undefined;
    case 'applied':
      return { status: 'applied', value: undefined };
    case 'appliedWithValue':
      return { status: 'applied', value: bytes };
    case 'rejected': {
      const [reason, message, details] = listIn(bytes) as [string, string, unknown];
      return { status: 'rejected', reason, message, details };
    }
    case 'busy': {
      const [reason, message, retryAfterMs] = listIn(bytes) as [string, string, number?];
      return { status: 'busy', reason, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    }
    case 'failed':
    case 'sessionExpired':
    case 'conflict': {
      const [message] = listIn(bytes) as [string];
      return { status: kind, message };
    }
    case undefined:
      throw malformed('it has an unknown kind');
  }
}

/** What an outcome carries: a list that begins with texts. */
function listIn(bytes: Uint8Array): readonly unknown[] {
  const list = decodeValue(bytes);
  if (Array.isArray(list) && typeof list[0] === 'string') return list as readonly unknown[];
  throw malformed("its outcome isn't what its kind says");
}

function malformed(problem: string): MalformedBytesError {
  return new MalformedBytesError(`The answer of a call is malformed: ${problem}`);
}

function resultBytes(kind: (typeof OUTCOMES)[number], index: number, rest?: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(RESULT_HEADER_BYTES + (rest?.length ?? 0));
  out[0] = FORMAT;
  out[1] = OUTCOMES.indexOf(kind);
  out.writeBigUInt64BE(BigInt(index), 2);
  if (rest !== undefined) out.set(rest, RESULT_HEADER_BYTES);
  return out;
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
