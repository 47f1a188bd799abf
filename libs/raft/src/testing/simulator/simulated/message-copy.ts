import type { PeerMessage } from '../../../transport/contract';
import { decodeFrame, encodeFrame } from '../../../transport/codec';
import { copyOf } from './simulated-disk';

const LENGTH_BYTES = 4;

/** Nodes share nothing: what arrives is a copy of what was sent, or what the peer protocol makes of it. */
export function copyMessage(message: PeerMessage, coded: boolean): PeerMessage {
  if (coded) {
    const buffer = encodeFrame(message);
    return decodeFrame({ buffer, shared: true }, LENGTH_BYTES, buffer.length) as PeerMessage;
  }
  switch (message.kind) {
    case 'appendEntries':
      return { ...message, entries: message.entries.map(copyOf) };
    case 'request':
    case 'response':
      return { ...message, body: message.body.slice() };
    default:
      return { ...message };
  }
}

/** One line of a trace. */
export function describeMessage(message: PeerMessage): string {
  switch (message.kind) {
    case 'founder':
      return `founder ${message.founder}, genesis ${message.initialCluster?.clusterId.slice(0, 6) ?? 'none'}`;
    case 'request':
      return `request ${message.id} ${message.method}`;
    case 'response':
      return `response ${message.id} ${message.ok ? 'ok' : 'error'}`;
    case 'preVote':
    case 'requestVote':
      return `${message.kind} term ${message.term}, last ${idOf(message.lastLog)}, commit ${idOf(message.commit)}`;
    case 'preVoteReply':
    case 'requestVoteReply':
      return `${message.kind} term ${message.term}, ${message.granted ? 'granted' : 'refused'}`;
    case 'appendEntries': {
      const last = message.entries.at(-1);
      const entries = last === undefined ? 'empty' : `${message.entries.length} to ${idOf(last)}`;
      return `append ${message.sequence} term ${message.term}, prev ${idOf(message.prev)}, ${entries}, commit ${message.leaderCommit}`;
    }
    case 'appendEntriesReply':
      return message.accepted
        ? `append ${message.sequence} accepted, term ${message.term}, match ${message.matchIndex}`
        : `append ${message.sequence} rejected, term ${message.term}, at ${message.rejectedIndex}, hint ${idOf(message.hint)}`;
    case 'heartbeat':
      return `heartbeat term ${message.term}, commit ${message.commit}, round ${message.round}`;
    case 'heartbeatReply':
      return `heartbeat answered, term ${message.term}, round ${message.round}`;
    case 'installSnapshot':
      return `install a snapshot, term ${message.term}, from ${idOf(message.required)} on`;
    case 'installSnapshotReply':
      return `snapshot installed, term ${message.term}, match ${message.matchIndex}`;
    case 'timeoutNow':
      return `time out now, term ${message.term}`;
    case 'timeoutNowReply':
      return `time out now ${message.accepted ? 'accepted' : 'refused'}, term ${message.term}`;
  }
}

function idOf({ index, term }: { readonly index: number; readonly term: number }): string {
  return `${index}@${term}`;
}
