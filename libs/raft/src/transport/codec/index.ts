export { decodeFrame, encodeFrame, DEFAULT_MAX_FRAME_BYTES } from './frame-codec';
export type { Frame } from './frame-kinds';
export { FrameReader } from './frame-reader';
export type { HandshakeFrame, HelloFrame } from './handshake-frames';
export { ProtocolError } from './protocol-error';
