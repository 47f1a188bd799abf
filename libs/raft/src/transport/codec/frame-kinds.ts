import type { PeerMessage } from '../contract';
import type { HandshakeFrame } from './handshake-frames';

/** What one frame carries. */
export type Frame = PeerMessage | HandshakeFrame;

export type FrameKind = Frame['kind'];

/** The version byte of each frame that this build writes. */
export const PROTOCOL_VERSION = 1;

/** The numbers of the kinds on the wire. They never change; a number that isn't here closes the connection. */
export const FRAME_KIND_CODES: Readonly<Record<FrameKind, number>> = Object.freeze({
  preVote: 1,
  preVoteReply: 2,
  requestVote: 3,
  requestVoteReply: 4,
  appendEntries: 5,
  appendEntriesReply: 6,
  heartbeat: 7,
  heartbeatReply: 8,
  installSnapshot: 9,
  installSnapshotReply: 10,
  timeoutNow: 11,
  timeoutNowReply: 12,
  founder: 32,
  request: 33,
  response: 34,
  greeting: 64,
  proof: 65,
  admitted: 66,
  refuse: 67,
  ping: 68,
  pong: 69,
  hello: 70,
});

const KINDS_BY_CODE: ReadonlyMap<number, FrameKind> = new Map(
  (Object.keys(FRAME_KIND_CODES) as FrameKind[]).map((kind) => [FRAME_KIND_CODES[kind], kind]),
);

/** @returns the kind, or undefined for a number that this version doesn't know */
export function frameKindOfCode(code: number): FrameKind | undefined {
  return KINDS_BY_CODE.get(code);
}
