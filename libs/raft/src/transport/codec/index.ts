export { decodeFrame, encodeFrame, DEFAULT_MAX_FRAME_BYTES } from './frame-codec';
export type { Frame } from './frame-kinds';
export { FrameReader } from './frame-reader';
export type { ConnectionRole, GreetingFrame, HandshakeFrame, HelloFrame, ProofFrame } from './handshake-frames';
export { ProtocolError } from './protocol-error';
