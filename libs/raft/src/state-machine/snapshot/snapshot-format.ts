/**
 * A group's snapshot: frames, one in a chunk as they are written, and read however they are cut.
 *
 * | bytes | what                                                                                              |
 * |-------|---------------------------------------------------------------------------------------------------|
 * | 1     | kind: 1 header, 2 machine, 3 part of a chunk, 4 last part of a chunk, 5 end of the machine, 6 end, |
 * |       | 7 clients: sessions and idempotency keys                                                          |
 * | 4     | length of the content                                                                             |
 * | n     | content                                                                                           |
 * | 4     | crc32c over every byte of the snapshot up to here, so that no frame is missing or out of place     |
 *
 * Content: of the header, format (2), index (8), term (8) and cluster time (8) that the state is of, then the number of the
 * machines (1), their names (1 + n each) and the versions of what each wrote (2 each), the version (4) and the running hash (4) of the digest that is under way; of a machine, which of these it is (1); of the end of a machine, how many
 * chunks it had (8). What the clients are follows the header, in chunks and with an end like a machine.
 *
 * Format 1 has neither clients, versions nor hash; it is read as if there were none, with versions of 0.
 */
export const SNAPSHOT_FORMAT = 2;
export const FORMAT_WITHOUT_CLIENTS = 1;

export const FRAME = Object.freeze({
  header: 1,
  machine: 2,
  part: 3,
  lastPart: 4,
  machineEnd: 5,
  end: 6,
  clients: 7,
});

export const MAX_SNAPSHOT_CHUNK_BYTES = 64 * 1024;
export const FRAME_HEAD_BYTES = 5;
export const FRAME_TAIL_BYTES = 4;

/** A machine's chunk up to this length is one frame; a longer one is cut, and put together again. */
export const MAX_MACHINE_CHUNK_BYTES = MAX_SNAPSHOT_CHUNK_BYTES - FRAME_HEAD_BYTES - FRAME_TAIL_BYTES;

export const MAX_MACHINES = 255;

/** What is under way between two digests; it is in each snapshot, so that a node that goes on from there makes the same digest. */
export interface DigestWindow {
  /** Which version of the machines it was counted by. */
  readonly version: number;
  readonly outcomes: number;
}

/** What the state of a snapshot is of. */
export interface SnapshotHeader {
  readonly format: number;
  readonly index: number;
  readonly term: number;
  readonly timeMs: number;
  /** The machines' names, in the order of their content. */
  readonly machines: readonly string[];
  /** The version of what each of them wrote. */
  readonly versions: readonly number[];
  readonly digest: DigestWindow;
}
