import { createHash } from 'node:crypto';
import { ByteReader } from '../codec/byte-reader';
import { ByteWriter, writeSafeInteger } from '../codec/byte-writer';
import { MalformedBytesError, UnknownFormatError } from '../codec/codec-errors';
import { readArguments, writeArguments, writeName } from './envelope-parts';

/** The format that callers write. */
export const COMMAND_FORMAT = 1;
/** The same with the hash of a schema behind the time: only leaders write it. */
export const STAMPED_FORMAT = 2;

/** At most one of these. */
const HAS_SESSION = 1;
const HAS_KEY = 2;
/** The session is that of a node, which sent the command on for a caller without one. */
const HAS_RELAY = 4;

const FLAGS_OFFSET = 1;
const TIME_OFFSET = 2;
const HEADER_BYTES = TIME_OFFSET + 8;
const SCHEMA_HASH_BYTES = 8;
/** 132 bits: two commands that differ have it in common about never. */
const FINGERPRINT_LENGTH = 22;

/**
 * Which of a client's commands this is (thesis §6.3). Forwarding reorders the commands of one session, so that gaps are legal.
 *
 * @publicApi
 */
export interface CommandSession {
  /** The client, as the cluster registered it; 1 to 255 bytes of UTF-8. */
  readonly clientId: string;
  /** Counts the client's commands from 1 on. */
  readonly sequence: number;
  /** The client has the answers of all its commands up to this one; they need not be kept any longer. */
  readonly ackedThrough: number;
}

/** @publicApi */
export interface CommandCall {
  /** The name in `@RaftStateMachine(name)`. */
  readonly machine: string;
  /** The method's name. */
  readonly command: string;
  /** What the caller passed: plain data, without the context. */
  readonly args: readonly unknown[];
  readonly session?: CommandSession;
  /**
   * Tells repetitions of the command from other commands, without a session: 1 to 255 bytes of UTF-8. It counts for ten
   * minutes in all of the group.
   */
  readonly idempotencyKey?: string;
}

/** @publicApi */
export interface DecodedCommand extends CommandCall {
  /** The cluster time that the leader stamped, in milliseconds; 0 where none was. */
  readonly timeMs: number;
  /** The session is that of a node, which sent the command on for a caller without one. */
  readonly isRelayed: boolean;
  /** With an idempotency key: what tells this command and its arguments from others. */
  readonly fingerprint: string | undefined;
  /** The hash of the database schema that the leader stamped, as 16 hexadecimal digits; undefined where none was. */
  readonly schemaHash: string | undefined;
}

/**
 * Encodes one call of a command, as it stands in the log:
 *
 * | bytes | what                                                                                   |
 * |-------|----------------------------------------------------------------------------------------|
 * | 1     | format                                                                                 |
 * | 1     | flags, one at most: 1 a session, 2 an idempotency key, 4 a node's session              |
 * | 8     | cluster time in milliseconds, big endian; 0 until the leader stamps it                 |
 * | 1 + n | the machine's name                                                                     |
 * | 1 + n | the command's name                                                                     |
 * | …     | with a session: client id (1 + n), sequence (8), acked through (8); with a key: 1 + n  |
 * | …     | the arguments, an array in the format of `encodeValue`                                 |
 *
 * In format 2, which a leader makes of it, eight bytes stand behind the time: see {@link withSchemaHash}.
 *
 * @throws UnsupportedValueError an argument isn't plain data; it is named with its path (`args[0].owner`)
 * @publicApi
 */
export function encodeCommand(call: CommandCall): Uint8Array {
  const out = ByteWriter.take();
  try {
    const { session, idempotencyKey } = call;
    if (session !== undefined && idempotencyKey !== undefined)
      throw new RangeError('A command has a session or an idempotency key, not both');
    out.uint8(COMMAND_FORMAT);
    out.uint8(session !== undefined ? HAS_SESSION : idempotencyKey !== undefined ? HAS_KEY : 0);
    out.safeInteger(0);
    writeName(out, call.machine, "The state machine's name");
    writeName(out, call.command, "The command's name");
    if (session !== undefined) writeSession(out, session);
    if (idempotencyKey !== undefined) writeName(out, idempotencyKey, 'The idempotency key');
    writeArguments(out, call.args);
    return out.copy();
  } finally {
    out.release();
  }
}

/**
 * Sets the cluster time of an encoded command, in place: the leader does it when it takes the command into its log.
 *
 * @param timeMs milliseconds; what is behind the decimal point is dropped
 * @throws MalformedBytesError the bytes are no command
 * @publicApi
 */
export function stampCommandTime(command: Uint8Array, timeMs: number): void {
  if (command[0] !== COMMAND_FORMAT || command.length < HEADER_BYTES)
    throw new MalformedBytesError(`${command.length} bytes that don't begin like a command can't get a time`);
  const whole = Math.floor(timeMs);
  if (!Number.isSafeInteger(whole) || whole < 0)
    throw new RangeError(`A cluster time of ${timeMs} ms can't be stamped`);
  writeSafeInteger(command, TIME_OFFSET, whole);
}

/**
 * Says in an encoded command which schema the database had on the voters when the leader took it in: what a node that can't run
 * a statement of it goes by, so that all nodes decide alike.
 *
 * @param command as {@link encodeCommand} wrote it, with its time
 * @param schemaHash 16 hexadecimal digits
 * @returns the command in format 2: an older build can't read it, and doesn't take it for another
 */
export function withSchemaHash(command: Uint8Array, schemaHash: string): Uint8Array {
  if (command[0] !== COMMAND_FORMAT || command.length < HEADER_BYTES)
    throw new MalformedBytesError(`${command.length} bytes that don't begin like a command can't get a schema's hash`);
  const hash = Buffer.from(schemaHash, 'hex');
  if (hash.length !== SCHEMA_HASH_BYTES) throw new RangeError(`'${schemaHash}' is no hash of a schema`);
  const stamped = new Uint8Array(command.length + SCHEMA_HASH_BYTES);
  stamped.set(command.subarray(0, HEADER_BYTES));
  stamped[0] = STAMPED_FORMAT;
  stamped.set(hash, HEADER_BYTES);
  stamped.set(command.subarray(HEADER_BYTES), HEADER_BYTES + SCHEMA_HASH_BYTES);
  return stamped;
}

/**
 * Decodes what {@link encodeCommand} wrote.
 *
 * @throws UnknownFormatError a newer version wrote it
 * @throws MalformedBytesError otherwise; its text depends on the bytes alone, so that every node answers alike
 * @publicApi
 */
export function decodeCommand(bytes: Uint8Array): DecodedCommand {
  const input = new ByteReader(bytes, 'A command');
  const { flags, timeMs, machine, command, schemaHash, namesAt } = readHeader(input);
  const session =
    (flags & (HAS_SESSION | HAS_RELAY)) === 0
      ? undefined
      : {
          clientId: input.shortString(),
          sequence: input.safeInteger(),
          ackedThrough: input.safeInteger(),
        };
  const nameEnd = input.at;
  const idempotencyKey = flags === HAS_KEY ? input.shortString() : undefined;
  const fingerprint = idempotencyKey === undefined ? undefined : fingerprintOf(bytes, namesAt, nameEnd, input.at);
  const args = readArguments(input);
  const isRelayed = flags === HAS_RELAY;
  return { machine, command, args, session, idempotencyKey, timeMs, isRelayed, fingerprint, schemaHash };
}

/** @returns whether a repetition of the command is told from it: it has a session or a key */
export function isRepeatable(command: Uint8Array): boolean {
  return command[0] === COMMAND_FORMAT && command[FLAGS_OFFSET] !== 0;
}

/**
 * Puts the session of a node into a command that has neither session nor key.
 *
 * @returns a new command, or undefined where the bytes are none
 */
export function relayedCommand(command: Uint8Array, session: CommandSession): Uint8Array | undefined {
  const input = new ByteReader(command, 'A command');
  try {
    const { flags, schemaHash } = readHeader(input);
    if (flags !== 0 || schemaHash !== undefined) return undefined;
  } catch {
    return undefined;
  }
  const out = ByteWriter.take();
  try {
    out.bytes(command.subarray(0, input.at));
    out.buffer[FLAGS_OFFSET] = HAS_RELAY;
    writeSession(out, session);
    out.bytes(command.subarray(input.at));
    return out.copy();
  } finally {
    out.release();
  }
}

/**
 * Reads which command it is, and nothing behind that.
 *
 * @throws UnknownFormatError a newer version wrote it
 * @throws MalformedBytesError its beginning is no command's
 */
export function readCommandName(bytes: Uint8Array): Pick<CommandCall, 'machine' | 'command'> {
  const { machine, command } = readHeader(new ByteReader(bytes, 'A command'));
  return { machine, command };
}

function readHeader(input: ByteReader): {
  readonly flags: number;
  readonly timeMs: number;
  readonly machine: string;
  readonly command: string;
  readonly schemaHash: string | undefined;
  /** Where the names begin. */
  readonly namesAt: number;
} {
  const format = input.uint8();
  if (format !== COMMAND_FORMAT && format !== STAMPED_FORMAT) {
    if (format > STAMPED_FORMAT) throw new UnknownFormatError('A command', format, STAMPED_FORMAT);
    throw input.malformed(`no command has format ${format}`);
  }
  const flags = input.uint8();
  if (flags !== 0 && flags !== HAS_SESSION && flags !== HAS_KEY && flags !== HAS_RELAY)
    throw input.malformed(`flags ${flags} are unknown`);
  const timeMs = input.safeInteger();
  const schemaHash = format === STAMPED_FORMAT ? Buffer.from(input.copy(SCHEMA_HASH_BYTES)).toString('hex') : undefined;
  const namesAt = input.at;
  const machine = input.shortString();
  const command = input.shortString();
  return { flags, timeMs, machine, command, schemaHash, namesAt };
}

function writeSession(out: ByteWriter, { clientId, sequence, ackedThrough }: CommandSession): void {
  writeName(out, clientId, 'The client id of the session');
  out.safeInteger(checkedCount(sequence, 'sequence'));
  out.safeInteger(checkedCount(ackedThrough, 'ackedThrough'));
}

/** Over the names and the arguments: everything but the time and the key. */
function fingerprintOf(bytes: Uint8Array, namesAt: number, nameEnd: number, argumentsAt: number): string {
  return createHash('sha256')
    .update(bytes.subarray(namesAt, nameEnd))
    .update(bytes.subarray(argumentsAt))
    .digest('base64')
    .slice(0, FINGERPRINT_LENGTH);
}

function checkedCount(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`The session's ${name} is ${value}: it must be a whole number from 0 on`);
}
