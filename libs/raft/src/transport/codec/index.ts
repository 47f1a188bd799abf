export { decodeFrame, encodeFrame, DEFAULT_MAX_FRAME_BYTES } from './frame-codec';
export type { Frame, FrameKind } from './frame-kinds';
export { FrameReader } from './frame-reader';
export type {
  AdmittedFrame,
  HandshakeFrame,
  HelloFrame,
  PingFrame,
  PongFrame,
  ProofFrame,
  RefuseFrame,
} from './handshake-frames';
export type { FrameSource } from './payload';
export { ProtocolError } from './protocol-error';
