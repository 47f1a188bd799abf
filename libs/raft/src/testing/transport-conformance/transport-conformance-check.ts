import type { TransportConformanceContext } from './transport-conformance-context';

/** One promise of the contract. `run` rejects where it isn't kept. */
export interface TransportConformanceCheck {
  readonly name: string;
  run(context: TransportConformanceContext): Promise<void>;
}
