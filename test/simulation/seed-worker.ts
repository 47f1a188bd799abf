import { parentPort, workerData } from 'node:worker_threads';
import { simulate } from 'nestjs-raft/testing';
import { mutantNamed } from './mutants';
import type { SeedAnswer, SeedOrder } from './seed-pool';

/** One thread that runs seeds, one after the other; with a mutant, the library in this thread has that mistake. */
const { mutant } = workerData as { readonly mutant?: string };
if (mutant !== undefined) mutantNamed(mutant).apply();

parentPort?.on('message', ({ seed, keepTrace }: SeedOrder) => {
  const startedMs = performance.now();
  void simulate(seed, { keepTrace }).then((result) => {
    const answer: SeedAnswer = { result, tookMs: performance.now() - startedMs };
    parentPort?.postMessage(answer);
  });
});
