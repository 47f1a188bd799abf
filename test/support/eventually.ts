import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;

/**
 * Asks until there is an answer.
 *
 * @param ask resolves with undefined, or fails, while there is none
 * @param describe says what there is instead, for the error
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  { withinMs = 30_000, describe }: { withinMs?: number; describe?: () => Promise<string> | string } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let failure: Error | undefined;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      failure = undefined;
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    if (performance.now() > deadline) {
      const instead = [failure?.message ?? '', (await describe?.()) ?? ''].filter(Boolean);
      throw new Error([`Not within ${withinMs} ms: ${what}`, ...instead].join('\n'), { cause: failure });
    }
    await sleep(POLL_MS);
  }
}
