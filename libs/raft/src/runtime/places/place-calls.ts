import type { ReplicaId } from '../../core/base/types';
import type { Life } from '../../transport/contract';

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
export interface WitnessQuestion extends Life {
  readonly replicaId: ReplicaId;
  readonly earlier: readonly Life[];
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
