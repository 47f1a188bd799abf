import type { StateDigest } from '../../state-machine/contract';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';

/** Asks a member for its digest at an index. */
export const DIGEST = 'digest';
/** Tells a member that the majority made another state of the log up to an index. */
export const DIVERGED = 'diverged';

/** As they are sent: these names never change. */
interface WireIndex {
  readonly index: number;
}

interface WireDigest extends WireIndex {
  readonly version: number;
  readonly outcomes: number;
  readonly backed: string;
  readonly state: number | null;
}

/** Of both calls: the index that is meant. */
export function encodeIndex(index: number): Uint8Array {
  const wire: WireIndex = { index };
  return encodeValue(wire);
}

export function decodeIndex(bytes: Uint8Array): number {
  return (decodeValue(bytes) as WireIndex).index;
}

/** @param digest undefined where this node has none at that index */
export function encodeDigest(digest: StateDigest | undefined): Uint8Array {
  if (digest === undefined) return encodeValue(null);
  const { index, version, outcomes, backed, state } = digest;
  const wire: WireDigest = { index, version, outcomes, backed, state };
  return encodeValue(wire);
}

export function decodeDigest(bytes: Uint8Array): StateDigest | undefined {
  const wire = decodeValue(bytes) as WireDigest | null;
  if (wire === null) return undefined;
  const { index, version, outcomes, backed, state } = wire;
  return { index, version, outcomes, backed, state };
}
