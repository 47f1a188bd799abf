import type { PeerMessage } from './contract';

/** Bulk (appends, forwarded calls) is dropped while a peer has more than this unsent. */
export const MAX_BACKLOG_BYTES = 1024 * 1024;

/**
 * What keeps a leader in office, or replaces it, may queue this much more: a peer that stopped reading must neither grow this
 * process nor, once it reads again, have missed every heartbeat because bulk was ahead of them.
 */
export const URGENT_BACKLOG_BYTES = 256 * 1024;

/** @returns whether a peer with this backlog is still handed the message, or has it dropped */
export function fitsBacklog(kind: PeerMessage['kind'], backlogBytes: number): boolean {
  switch (kind) {
    case 'appendEntries':
    case 'request':
    case 'response':
    case 'founder':
      return backlogBytes <= MAX_BACKLOG_BYTES;
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
      return backlogBytes <= MAX_BACKLOG_BYTES + URGENT_BACKLOG_BYTES;
  }
}
