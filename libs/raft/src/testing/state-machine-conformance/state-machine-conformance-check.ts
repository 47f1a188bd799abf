import type { StateMachineConformanceContext } from './state-machine-conformance-context';

/** One promise of the contract. `run` rejects where it isn't kept. */
export interface StateMachineConformanceCheck {
  readonly name: string;
  run(context: StateMachineConformanceContext): Promise<void>;
}
