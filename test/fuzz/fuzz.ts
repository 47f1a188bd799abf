import { SeededRandom } from '../../libs/raft/src/core/base/random';
import { AllocationMeter } from './allocation';
import { Mutator } from './mutator';
import type { FuzzTarget } from './target';

/** What an input may ask for in buffers, beside four times its own length: what a frame's length is trusted with, and a little. */
const FREE_BYTES = 1024 * 1024 + 64 * 1024;
/** One input that takes longer hangs, whatever else the machine does. */
const LONGEST_MS = 10_000;
/** The heap may grow by so much before a run is over: what was read is garbage. */
const MAX_HEAP_GROWTH_BYTES = 768 * 1024 * 1024;
const LOOK_EVERY = 1000;

export interface FuzzResult {
  readonly target: string;
  readonly inputs: number;
  /** Those that were read to their end. */
  readonly accepted: number;
  readonly refused: number;
  readonly mostBytesAsked: number;
  readonly longestMs: number;
}

/** An input that was read as it must not be. Its message has all that is needed to read it again. */
export class FuzzFailure extends Error {
  constructor(target: string, seed: number, at: number, input: Buffer, what: string, cause?: unknown) {
    super(`${target}: ${what}\n  seed ${seed}, input ${at}: ${input.toString('hex')}`, { cause });
    this.name = 'FuzzFailure';
  }
}

/**
 * Feeds a target with mutated inputs, each drawn from the seed and its number.
 *
 * @throws FuzzFailure an input ended otherwise than in a value or a refusal, took too long, or asked for too much memory
 */
export async function fuzz(
  target: FuzzTarget,
  count: number,
  seed: number,
  progress: (done: number) => void = () => undefined,
): Promise<FuzzResult> {
  const meter = new AllocationMeter();
  const heapBefore = process.memoryUsage().heapUsed;
  let [accepted, refused, mostBytesAsked, longestMs] = [0, 0, 0, 0];
  meter.start();
  try {
    for (let at = 0; at < count; at++) {
      const mutator = new Mutator(
        new SeededRandom(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(at, 0x01000193)),
      );
      const input = target.next(mutator);
      const kept = Buffer.from(input);
      const fail = (what: string, cause?: unknown): never => {
        throw new FuzzFailure(target.name, seed, at, kept, what, cause);
      };
      meter.asked = 0;
      const beganMs = performance.now();
      try {
        const reading = target.read(input, mutator);
        if (reading !== undefined) await reading;
        accepted++;
      } catch (error) {
        if (!target.isRefusal(error))
          fail(`it ended in no refusal: ${String((error as Error)?.stack ?? error)}`, error);
        refused++;
      }
      const tookMs = performance.now() - beganMs;
      if (tookMs > LONGEST_MS) fail(`it took ${Math.round(tookMs)} ms`);
      if (meter.asked > 4 * kept.length + FREE_BYTES) fail(`it asked for ${meter.asked} bytes, and has ${kept.length}`);
      mostBytesAsked = Math.max(mostBytesAsked, meter.asked);
      longestMs = Math.max(longestMs, tookMs);
      if (at % LOOK_EVERY !== 0) continue;
      progress(at);
      const growth = process.memoryUsage().heapUsed - heapBefore;
      if (growth > MAX_HEAP_GROWTH_BYTES) fail(`the heap has grown by ${growth} bytes`);
    }
  } finally {
    meter.stop();
  }
  return { target: target.name, inputs: count, accepted, refused, mostBytesAsked, longestMs };
}
