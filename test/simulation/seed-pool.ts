import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SeedResult } from 'nestjs-raft/testing';

/** What a worker is asked. */
export interface SeedOrder {
  readonly seed: number;
  readonly keepTrace: number;
}

export interface SeedAnswer {
  readonly result: SeedResult;
  readonly tookMs: number;
}

/**
 * Runs seeds on several threads.
 *
 * @param seeds in this order; each thread takes the next
 * @param onResult called for each; returns false to take no more seeds
 */
export async function runSeeds(
  seeds: readonly number[],
  options: { readonly threads: number; readonly mutant?: string; readonly keepTrace?: number },
  onResult: (answer: SeedAnswer) => boolean,
): Promise<void> {
  const { threads, mutant, keepTrace = 0 } = options;
  let next = 0;
  let goesOn = true;
  const work = async (): Promise<void> => {
    const worker = new Worker(path.join(__dirname, 'seed-worker.js'), { workerData: { mutant } });
    try {
      while (goesOn && next < seeds.length) {
        const answer = await ask(worker, { seed: seeds[next++]!, keepTrace });
        goesOn = onResult(answer) && goesOn;
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(threads, seeds.length) }, work));
}

function ask(worker: Worker, order: SeedOrder): Promise<SeedAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      worker.off('message', answered);
      worker.off('error', reject);
      worker.off('exit', exited);
    };
    const answered = (answer: SeedAnswer): void => {
      settle();
      resolve(answer);
    };
    const exited = (code: number): void => reject(new Error(`the thread ended with ${code} in seed ${order.seed}`));
    worker.once('message', answered);
    worker.once('error', reject);
    worker.once('exit', exited);
    worker.postMessage(order);
  });
}
