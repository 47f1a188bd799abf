import type { AppendEntries, Message } from '../../core/base/messages';
import type { ByteReader } from './byte-reader';
import type { ByteWriter } from './byte-writer';
import { headerBound, LOG_ID_BYTES, readHeader, readLogId, writeHeader, writeLogId } from './message-header';

/** A kernel message of which every byte is covered by the frame's checksum. */
export type SmallMessage = Exclude<Message, AppendEntries>;

export function smallMessageBound(message: SmallMessage): number {
  return headerBound(message) + 2 * LOG_ID_BYTES + 24;
}

export function writeSmallMessage(writer: ByteWriter, message: SmallMessage): void {
  writeHeader(writer, message);
  switch (message.kind) {
    case 'preVote':
      writeLogId(writer, message.lastLog);
      writeLogId(writer, message.commit);
      return;
    case 'requestVote':
      writeLogId(writer, message.lastLog);
      writeLogId(writer, message.commit);
      writer.flag(message.leadershipTransfer);
      return;
    case 'preVoteReply':
    case 'requestVoteReply':
      writer.flag(message.granted);
      writeLogId(writer, message.commit);
      return;
    case 'appendEntriesReply':
      writer.flag(message.accepted);
      writer.safeInteger(message.matchIndex);
      writer.safeInteger(message.rejectedIndex);
      writeLogId(writer, message.hint);
      return;
    case 'heartbeat':
      writer.safeInteger(message.commit);
      writer.safeInteger(message.round);
      writer.f64(message.sentAtMs);
      writer.safeInteger(message.leaderCommit);
      writer.f64(message.echoMs);
      writer.f64(message.quorumAgeMs);
      return;
    case 'heartbeatReply':
      writer.safeInteger(message.round);
      writer.f64(message.sentAtMs);
      writer.f64(message.repliedAtMs);
      writer.flag(message.storeStalls);
      writer.safeInteger(message.appliedIndex);
      return;
    case 'installSnapshot':
      writeLogId(writer, message.required);
      return;
    case 'installSnapshotReply':
      writer.safeInteger(message.matchIndex);
      return;
    case 'timeoutNow':
      return;
    case 'timeoutNowReply':
      writer.flag(message.accepted);
      return;
  }
}

export function readSmallMessage(reader: ByteReader, kind: SmallMessage['kind']): SmallMessage {
  const header = readHeader(reader);
  switch (kind) {
    case 'preVote': {
      const lastLog = readLogId(reader);
      const commit = readLogId(reader);
      return { kind, ...header, lastLog, commit };
    }
    case 'requestVote': {
      const lastLog = readLogId(reader);
      const commit = readLogId(reader);
      const leadershipTransfer = reader.flag();
      return { kind, ...header, lastLog, commit, leadershipTransfer };
    }
    case 'preVoteReply':
    case 'requestVoteReply': {
      const granted = reader.flag();
      const commit = readLogId(reader);
      return { kind, ...header, granted, commit };
    }
    case 'appendEntriesReply': {
      const accepted = reader.flag();
      const matchIndex = reader.safeInteger();
      const rejectedIndex = reader.safeInteger();
      const hint = readLogId(reader);
      return { kind, ...header, accepted, matchIndex, rejectedIndex, hint };
    }
    case 'heartbeat': {
      const commit = reader.safeInteger();
      const round = reader.safeInteger();
      const sentAtMs = reader.f64();
      const leaderCommit = reader.safeInteger();
      const echoMs = reader.f64();
      const quorumAgeMs = reader.f64();
      return { kind, ...header, commit, round, sentAtMs, leaderCommit, echoMs, quorumAgeMs };
    }
    case 'heartbeatReply': {
      const round = reader.safeInteger();
      const sentAtMs = reader.f64();
      const repliedAtMs = reader.f64();
      const storeStalls = reader.flag();
      return { kind, ...header, round, sentAtMs, repliedAtMs, storeStalls, appliedIndex: reader.safeInteger() };
    }
    case 'installSnapshot':
      return { kind, ...header, required: readLogId(reader) };
    case 'installSnapshotReply':
      return { kind, ...header, matchIndex: reader.safeInteger() };
    case 'timeoutNow':
      return { kind, ...header };
    case 'timeoutNowReply':
      return { kind, ...header, accepted: reader.flag() };
  }
}
