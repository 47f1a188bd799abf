import { loadavg } from 'node:os';

/** What `process-guard-environment.js` tells a test of the run that it is part of. */
interface TestRun {
  /** Whether a test or a hook of this file has failed so far. */
  readonly failed: boolean;
  /** Has `end` called, synchronously, when the process of the test run ends, however it ends; returns how to take it back. */
  onProcessExit(end: () => void): () => void;
}

declare global {
  // A global can only be declared with `var`.
  var testRun: TestRun | undefined;
}

export function testRun(): TestRun {
  if (globalThis.testRun === undefined)
    throw new Error('Tests with real processes run with jest.e2e.config.js: npm test -- PATH');
  return globalThis.testRun;
}

/** One measured figure, with what is asked of it, as a line of a table; and how busy the machine was. */
export function figure(what: string, measured: string, asked = ''): void {
  const [load = 0] = loadavg();
  process.stderr.write(`    | ${what} | ${measured} | ${asked} | load ${load.toFixed(1)} |\n`);
}

/** A measured figure: told, and never asserted tightly. */
export function report(what: string, figures: Readonly<Record<string, number | string>>): void {
  const text = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  process.stderr.write(`    ${what}: ${text.join(', ')}\n`);
}
