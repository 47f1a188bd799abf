import { parentPort } from 'node:worker_threads';
import { MUTANTS } from '.';

/** A worker that puts all mistakes into its own copy of the library, and says which don't find what they change. */
const outOfDate: string[] = [];
for (const mutant of MUTANTS)
  try {
    mutant.apply();
  } catch (error) {
    outOfDate.push(`${mutant.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
parentPort?.postMessage(outOfDate);
