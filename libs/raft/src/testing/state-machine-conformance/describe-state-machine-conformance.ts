import { APPLY_CHECKS } from './apply-checks';
import { CUT_CHECKS } from './cut-checks';
import { SESSION_CHECKS } from './session-checks';
import { SNAPSHOT_CHECKS } from './snapshot-checks';
import type { StateMachineConformanceCheck } from './state-machine-conformance-check';
import {
  StateMachineConformanceContext,
  type StateMachineConformanceSubject,
} from './state-machine-conformance-context';

/** Every promise of the state machine's contract, for a runner other than Jest; each is independent of the others. */
export const STATE_MACHINE_CONFORMANCE_CHECKS: readonly StateMachineConformanceCheck[] = [
  ...APPLY_CHECKS,
  ...SNAPSHOT_CHECKS,
  ...SESSION_CHECKS,
  ...CUT_CHECKS,
];

const PATIENCE_MS = 60_000;

/** The part of Jest (or of another runner with the same functions) that the suite uses. */
interface TestGlobals {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>, timeoutMs: number) => void;
}

/** Runs one check on machines of its own. */
export function runStateMachineConformanceCheck(
  check: StateMachineConformanceCheck,
  subject: StateMachineConformanceSubject,
): Promise<void> {
  return check.run(new StateMachineConformanceContext(subject));
}

/**
 * Defines the tests that a `ReplicatedStateMachine` has to pass, with the `describe` and `it` of the test file that calls it.
 *
 * @example
 * ```ts
 * describeStateMachineConformance('my machine', () => ({
 *   create: () => new MyMachine(),
 *   command: (number) => encodeCommand({ machine: 'mine', command: 'add', args: [number] }),
 *   …
 * }));
 * ```
 * @param makeSubject called once for each test
 * @publicApi
 */
export function describeStateMachineConformance(name: string, makeSubject: () => StateMachineConformanceSubject): void {
  const { describe, it } = globalThis as unknown as TestGlobals;
  describe(`${name} keeps the state machine's contract`, () => {
    for (const check of STATE_MACHINE_CONFORMANCE_CHECKS)
      it(check.name, () => runStateMachineConformanceCheck(check, makeSubject()), PATIENCE_MS);
  });
}
