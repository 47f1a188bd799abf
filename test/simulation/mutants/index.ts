import { commitMutants } from './commit-mutants';
import { electionMutants } from './election-mutants';
import { logMutants } from './log-mutants';
import { membershipMutants } from './membership-mutants';
import type { Mutant } from './mutant';
import { readMutants } from './read-mutants';
import { runtimeMutants } from './runtime-mutants';
import { sessionMutants } from './session-mutants';
import { snapshotMutants } from './snapshot-mutants';
import { timeMutants } from './time-mutants';

export type { Mutant } from './mutant';

export const MUTANTS: readonly Mutant[] = [
  ...electionMutants,
  ...logMutants,
  ...commitMutants,
  ...readMutants,
  ...membershipMutants,
  ...runtimeMutants,
  ...sessionMutants,
  ...snapshotMutants,
  ...timeMutants,
];

/** @throws RangeError where there is none of this name */
export function mutantNamed(name: string): Mutant {
  const mutant = MUTANTS.find((each) => each.name === name);
  if (mutant === undefined)
    throw new RangeError(`there is no mutant '${name}': ${MUTANTS.map((each) => each.name).join(', ')}`);
  return mutant;
}
