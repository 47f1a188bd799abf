import type { Scheduler } from './scheduler';

/**
 * Hands over each chunk in a turn of the event loop of its own: a store reads many at once, and a reader that takes them one after
 * the other lets neither heartbeats nor calls in between.
 */
export async function* yieldBetweenChunks(
  chunks: AsyncIterable<Uint8Array>,
  scheduler: Scheduler,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    yield chunk;
    await new Promise<void>((resolve) => scheduler.defer(resolve));
  }
}
