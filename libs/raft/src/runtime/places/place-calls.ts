import type { ReplicaId } from '../../core/base/types';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';
import type { Boot } from '../../transport/contract';
import { fromWireBoot, toWireBoot, type WireBoot } from '../store/wire-boot';

/** Asks a node who it is, over a connection to an address that is to be proved. */
export const WHO = 'place.who';
/** Asks a voter whether a store still speaks from its old address. Its answer takes an election time-out. */
export const WITNESS = 'place.witness';
/** Tells a node that its store is a copy, or has lost what it acknowledged. */
export const ACCUSE = 'place.accuse';

export interface WhoAnswer {
  readonly replicaId: ReplicaId;
  readonly incarnation: string;
  readonly bootNonce: string;
  /** The end of its log, as far as it is durable. */
  readonly lastIndex: number;
  /** Where HTTP clients reach it, by its own options. */
  readonly http: string;
  /** Whether that is another than when the membership last said so, too. */
  readonly httpChanged: boolean;
}

/** A member that came back elsewhere. */
export interface WitnessQuestion extends Boot {
  readonly replicaId: ReplicaId;
  readonly earlier: readonly Boot[];
  /** Where it says that it is. */
  readonly address: string;
}

/** `silent`: nobody spoke from the old address, for a whole election time-out. */
export type OldPlace = 'silent' | 'sameLife' | 'otherLife' | 'brokenChain';

export interface WitnessAnswer {
  readonly old: OldPlace;
  /** The last committed entry that the member acknowledged, as far as this node knows; 0 where it never led. */
  readonly match: number;
  /** Whether this node met the very life at the new address. */
  readonly reached: boolean;
}

/** As they are sent: these names never change. */
interface WireWho {
  readonly replicaId: number;
  readonly incarnation: string;
  readonly bootNonce: string;
  readonly lastIndex: number;
  readonly http: string;
  readonly httpChanged: boolean;
}

interface WireQuestion extends WireBoot {
  readonly replicaId: number;
  readonly earlier: readonly WireBoot[];
  readonly address: string;
}

interface WireAnswer {
  readonly old: OldPlace;
  readonly match: number;
  readonly reached: boolean;
}

export function encodeWhoAnswer(answer: WhoAnswer): Uint8Array {
  const { replicaId, incarnation, bootNonce, lastIndex, http, httpChanged } = answer;
  const wire: WireWho = { replicaId, incarnation, bootNonce, lastIndex, http, httpChanged };
  return encodeValue(wire);
}

export function decodeWhoAnswer(bytes: Uint8Array): WhoAnswer {
  const { replicaId, incarnation, bootNonce, lastIndex, http, httpChanged } = decodeValue(bytes) as WireWho;
  return { replicaId, incarnation, bootNonce, lastIndex, http, httpChanged };
}

export function encodeQuestion({ replicaId, number, nonce, earlier, address }: WitnessQuestion): Uint8Array {
  const wire: WireQuestion = { replicaId, number, nonce, earlier: earlier.map(toWireBoot), address };
  return encodeValue(wire);
}

export function decodeQuestion(bytes: Uint8Array): WitnessQuestion {
  const { replicaId, number, nonce, earlier, address } = decodeValue(bytes) as WireQuestion;
  return { replicaId, number, nonce, earlier: earlier.map(fromWireBoot), address };
}

export function encodeWitness({ old, match, reached }: WitnessAnswer): Uint8Array {
  const wire: WireAnswer = { old, match, reached };
  return encodeValue(wire);
}

export function decodeWitness(bytes: Uint8Array): WitnessAnswer {
  const { old, match, reached } = decodeValue(bytes) as WireAnswer;
  return { old, match, reached };
}
