import type { Boot } from '../../transport/contract';

/** A boot as it stands in a store's notes and in what witnesses are asked: these names, and their order, never change. */
export interface WireBoot {
  readonly number: number;
  readonly nonce: string;
}

export function toWireBoot({ number, nonce }: Boot): WireBoot {
  return { number, nonce };
}

export function fromWireBoot({ number, nonce }: WireBoot): Boot {
  return { number, nonce };
}
