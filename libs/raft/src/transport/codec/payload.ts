/**
 * What a frame was read from. `shared`: it lies in a chunk of the socket together with whatever arrived with it, so what
 * outlives the frame is copied out, or a small entry that stays in the log window would hold the whole chunk in memory.
 * Otherwise the frame was put together in a buffer of its own, which is nearly all payload, and slices of that are handed out.
 * Neither is ever written again.
 */
export interface FrameSource {
  readonly buffer: Buffer;
  readonly shared: boolean;
}

/** @returns bytes that stay as they are, whatever is read next; one allocation at most */
export function keepBytes(source: FrameSource, from: number, to: number): Uint8Array {
  const { buffer } = source;
  const view = new Uint8Array(buffer.buffer, buffer.byteOffset + from, to - from);
  return source.shared ? view.slice() : view;
}
