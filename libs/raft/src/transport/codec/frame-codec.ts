import { crc32c } from '../../core/base/checksum';
import {
  appendEntriesDataBytes,
  appendEntriesHeadBound,
  readAppendEntries,
  writeAppendEntriesData,
  writeAppendEntriesHead,
} from './append-entries-codec';
import { ByteReader, getU32 } from './byte-reader';
import { ByteWriter, putU32 } from './byte-writer';
import { readRequest, readResponse, requestBound, responseBound, writeRequest, writeResponse } from './call-codec';
import { founderBound, readFounder, writeFounder } from './founder-codec';
import { FRAME_KIND_CODES, frameKindOfCode, PROTOCOL_VERSION, type Frame, type FrameKind } from './frame-kinds';
import { handshakeBound, readHandshake, writeHandshake } from './handshake-codec';
import { readSmallMessage, smallMessageBound, writeSmallMessage } from './kernel-message-codec';
import type { FrameSource } from './payload';
import { ProtocolError } from './protocol-error';

/** The length, which counts what stands behind it. */
export const LENGTH_BYTES = 4;

/** Version, kind and checksum: the least that a frame's length counts. */
export const MIN_FRAME_LENGTH = 6;

const CHECKSUM_AT = 6;
const BODY_AT = LENGTH_BYTES + MIN_FRAME_LENGTH;

/**
 * What two builds say to each other before they know a version that both speak: the fields of today stay as they are for ever,
 * and a later version may put more behind them, which is skipped here.
 */
const GROWING_KINDS: ReadonlySet<FrameKind> = new Set(['greeting', 'refuse']);

/** Default of `maxFrameBytes`. */
export const DEFAULT_MAX_FRAME_BYTES = 16 * 1024 * 1024;

/**
 * @returns the frame with its length, in a buffer of its own; payloads are copied once, so the caller may reuse them
 * @throws ProtocolError for a value that has no place in the protocol, or a frame above the limit
 */
export function encodeFrame(frame: Frame, maxFrameBytes = DEFAULT_MAX_FRAME_BYTES): Buffer {
  const bound = BODY_AT + bodyBound(frame);
  // The bound is at most a few hundred bytes too high, so what it lets through is checked again below.
  if (bound > maxFrameBytes + 4096) throw tooLarge(frame.kind, maxFrameBytes);
  const writer = new ByteWriter(bound);
  writer.skip(LENGTH_BYTES);
  writer.u8(PROTOCOL_VERSION);
  writer.u8(FRAME_KIND_CODES[frame.kind]);
  writer.skip(BODY_AT - CHECKSUM_AT);
  const coveredTo = writeBody(writer, frame);

  const { buffer, length } = writer;
  if (length > maxFrameBytes) throw tooLarge(frame.kind, maxFrameBytes);
  putU32(buffer, 0, length - LENGTH_BYTES);
  putU32(buffer, CHECKSUM_AT, checksum(buffer, LENGTH_BYTES, coveredTo));
  return writer.written();
}

/**
 * @param from where the frame begins, behind its length
 * @param to where it ends
 * @throws ProtocolError for whatever isn't one whole, undamaged frame of this version
 */
export function decodeFrame(source: FrameSource, from: number, to: number): Frame {
  const { buffer } = source;
  if (to - from < MIN_FRAME_LENGTH) throw new ProtocolError(`a frame of ${to - from} bytes is too short`);
  const version = buffer[from]!;
  if (version !== PROTOCOL_VERSION)
    throw new ProtocolError(
      `the peer speaks version ${version} of the peer protocol, or none at all; this node speaks version ${PROTOCOL_VERSION}`,
    );
  const code = buffer[from + 1]!;
  const kind = frameKindOfCode(code);
  if (kind === undefined)
    throw new ProtocolError(`the peer sent a frame of kind ${code}, which this version doesn't know`);
  const reader = new ByteReader(buffer, from + MIN_FRAME_LENGTH, to);
  const coveredTo = kind === 'appendEntries' ? headEnd(reader, to) : to;
  if (getU32(buffer, from + 2) !== checksum(buffer, from, coveredTo))
    throw new ProtocolError(`a frame (${kind}) is damaged: its checksum doesn't match its bytes`);
  const frame = readBody(reader, kind, coveredTo, source);
  if (!GROWING_KINDS.has(kind)) reader.finish();
  return frame;
}

function bodyBound(frame: Frame): number {
  switch (frame.kind) {
    case 'appendEntries':
      return 4 + appendEntriesHeadBound(frame) + appendEntriesDataBytes(frame);
    case 'preVote':
    case 'preVoteReply':
    case 'requestVote':
    case 'requestVoteReply':
    case 'appendEntriesReply':
    case 'heartbeat':
    case 'heartbeatReply':
    case 'installSnapshot':
    case 'installSnapshotReply':
    case 'timeoutNow':
    case 'timeoutNowReply':
      return smallMessageBound(frame);
    case 'founder':
      return founderBound(frame);
    case 'request':
      return requestBound(frame);
    case 'response':
      return responseBound(frame);
    case 'greeting':
    case 'hello':
    case 'proof':
    case 'admitted':
    case 'refuse':
    case 'ping':
    case 'pong':
      return handshakeBound(frame);
  }
}

/** @returns where the bytes end that the frame's checksum covers */
function writeBody(writer: ByteWriter, frame: Frame): number {
  switch (frame.kind) {
    case 'appendEntries': {
      // The entries' data has checksums already, the leader's own; only the head needs the frame's.
      writer.skip(4);
      writeAppendEntriesHead(writer, frame);
      const headEndsAt = writer.length;
      putU32(writer.buffer, BODY_AT, headEndsAt - BODY_AT - 4);
      writeAppendEntriesData(writer, frame);
      return headEndsAt;
    }
    case 'preVote':
    case 'preVoteReply':
    case 'requestVote':
    case 'requestVoteReply':
    case 'appendEntriesReply':
    case 'heartbeat':
    case 'heartbeatReply':
    case 'installSnapshot':
    case 'installSnapshotReply':
    case 'timeoutNow':
    case 'timeoutNowReply':
      writeSmallMessage(writer, frame);
      break;
    case 'founder':
      writeFounder(writer, frame);
      break;
    case 'request':
      writeRequest(writer, frame);
      break;
    case 'response':
      writeResponse(writer, frame);
      break;
    case 'greeting':
    case 'hello':
    case 'proof':
    case 'admitted':
    case 'refuse':
    case 'ping':
    case 'pong':
      writeHandshake(writer, frame);
      break;
  }
  return writer.length;
}

function readBody(reader: ByteReader, kind: FrameKind, coveredTo: number, source: FrameSource): Frame {
  switch (kind) {
    case 'appendEntries':
      return readAppendEntries(reader, coveredTo, source);
    case 'preVote':
    case 'preVoteReply':
    case 'requestVote':
    case 'requestVoteReply':
    case 'appendEntriesReply':
    case 'heartbeat':
    case 'heartbeatReply':
    case 'installSnapshot':
    case 'installSnapshotReply':
    case 'timeoutNow':
    case 'timeoutNowReply':
      return readSmallMessage(reader, kind);
    case 'founder':
      return readFounder(reader);
    case 'request':
      return readRequest(reader, source);
    case 'response':
      return readResponse(reader, source);
    case 'greeting':
    case 'hello':
    case 'proof':
    case 'admitted':
    case 'refuse':
    case 'ping':
    case 'pong':
      return readHandshake(reader, kind, source);
  }
}

function headEnd(reader: ByteReader, to: number): number {
  const bytes = reader.u32();
  if (reader.offset + bytes > to) throw new ProtocolError("an append's head is longer than its frame");
  return reader.offset + bytes;
}

/** Over version and kind, and the body as far as the frame's checksum covers it. */
function checksum(buffer: Buffer, from: number, coveredTo: number): number {
  const start = crc32c(0, buffer.subarray(from, from + 2));
  return crc32c(start, buffer.subarray(from + MIN_FRAME_LENGTH, coveredTo));
}

function tooLarge(kind: FrameKind, maxFrameBytes: number): ProtocolError {
  return new ProtocolError(`a frame (${kind}) is larger than \`maxFrameBytes\`, ${maxFrameBytes}`);
}
