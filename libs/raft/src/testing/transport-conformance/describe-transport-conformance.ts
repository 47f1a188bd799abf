import { ADMISSION_CHECKS } from './admission-checks';
import { DELIVERY_CHECKS } from './delivery-checks';
import { LIFE_CYCLE_CHECKS } from './life-cycle-checks';
import type { TransportConformanceCheck } from './transport-conformance-check';
import { TransportConformanceContext, type TransportConformanceNetwork } from './transport-conformance-context';

/** Every promise of the transport's contract, for a runner other than Jest; each is independent of the others. */
export const TRANSPORT_CONFORMANCE_CHECKS: readonly TransportConformanceCheck[] = [
  ...DELIVERY_CHECKS,
  ...ADMISSION_CHECKS,
  ...LIFE_CYCLE_CHECKS,
];

const PATIENCE_MS = 60_000;

/** The part of Jest (or of another runner with the same functions) that the suite uses. */
interface TestGlobals {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>, timeoutMs: number) => void;
}

/** Runs one check on a network of its own, and stops what it started. */
export async function runTransportConformanceCheck(
  check: TransportConformanceCheck,
  network: TransportConformanceNetwork,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const context = new TransportConformanceContext(network, patienceMs);
  try {
    await check.run(context);
  } finally {
    await context.stopAll();
  }
}

/**
 * Defines the tests that a transport has to pass, with the `describe` and `it` of the test file that calls it.
 *
 * ```ts
 * describeTransportConformance('tcp', () => ({
 *   create: (address) => tcpTransport({ listen: address ?? '127.0.0.1:0' }),
 * }));
 * ```
 *
 * @param makeNetwork called once for each test
 * @publicApi
 */
export function describeTransportConformance(name: string, makeNetwork: () => TransportConformanceNetwork): void {
  const { describe, it } = globalThis as unknown as TestGlobals;
  describe(`${name} keeps the transport's contract`, () => {
    for (const check of TRANSPORT_CONFORMANCE_CHECKS)
      it(check.name, () => runTransportConformanceCheck(check, makeNetwork()), 4 * PATIENCE_MS);
  });
}
