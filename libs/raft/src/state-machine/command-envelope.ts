import { ByteReader } from './byte-reader';
import { ByteWriter, writeSafeInteger } from './byte-writer';
import { MalformedBytesError, UnknownFormatError } from './codec-errors';
import { readArguments, writeArguments, writeName } from './envelope-parts';

/** The format that this version writes. */
export const COMMAND_FORMAT = 1;

const HAS_SESSION = 1;
const TIME_OFFSET = 2;
const HEADER_BYTES = TIME_OFFSET + 8;

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
}

/** @publicApi */
export interface DecodedCommand extends CommandCall {
  /** The cluster time that the leader stamped, in milliseconds; 0 where none was. */
  readonly timeMs: number;
}

/**
 * Encodes one call of a command, as it stands in the log:
 *
 * | bytes | what                                                                                   |
 * |-------|----------------------------------------------------------------------------------------|
 * | 1     | format                                                                                 |
 * | 1     | flags: 1, a session follows the names                                                  |
 * | 8     | cluster time in milliseconds, big endian; 0 until the leader stamps it                 |
 * | 1 + n | the machine's name                                                                     |
 * | 1 + n | the command's name                                                                     |
 * | …     | with a session: client id (1 + n), sequence (8), acked through (8)                     |
 * | …     | the arguments, an array in the format of `encodeValue`                                 |
 *
 * @throws UnsupportedValueError an argument isn't plain data; it is named with its path (`args[0].owner`)
 * @publicApi
 */
export function encodeCommand(call: CommandCall): Uint8Array {
  const out = ByteWriter.take();
  try {
    const { session } = call;
    out.uint8(COMMAND_FORMAT);
    out.uint8(session === undefined ? 0 : HAS_SESSION);
    out.safeInteger(0);
    writeName(out, call.machine, "The state machine's name");
    writeName(out, call.command, "The command's name");
    if (session !== undefined) {
      writeName(out, session.clientId, 'The client id of the session');
      out.safeInteger(checkedCount(session.sequence, 'sequence'));
      out.safeInteger(checkedCount(session.ackedThrough, 'ackedThrough'));
    }
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
 * Decodes what {@link encodeCommand} wrote.
 *
 * @throws UnknownFormatError a newer version wrote it
 * @throws MalformedBytesError otherwise; its text depends on the bytes alone, so that every node answers alike
 * @publicApi
 */
export function decodeCommand(bytes: Uint8Array): DecodedCommand {
  const input = new ByteReader(bytes, 'A command');
  const { flags, timeMs, machine, command } = readHeader(input);
  const session =
    flags === HAS_SESSION
      ? {
          clientId: input.shortString(),
          sequence: input.safeInteger(),
          ackedThrough: input.safeInteger(),
        }
      : undefined;
  const args = readArguments(input);
  return { machine, command, args, session, timeMs };
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
} {
  const format = input.uint8();
  if (format !== COMMAND_FORMAT) {
    if (format > COMMAND_FORMAT) throw new UnknownFormatError('A command', format, COMMAND_FORMAT);
    throw input.malformed(`no command has format ${format}`);
  }
  const flags = input.uint8();
  if ((flags & ~HAS_SESSION) !== 0) throw input.malformed(`flags ${flags} are unknown`);
  const timeMs = input.safeInteger();
  const machine = input.shortString();
  const command = input.shortString();
  return { flags, timeMs, machine, command };
}

function checkedCount(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`The session's ${name} is ${value}: it must be a whole number from 0 on`);
}
