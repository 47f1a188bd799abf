import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** To be loaded by the nodes whose vitals are read. */
export const VITALS_HOOK = join(__dirname, '..', 'hooks', 'vitals.cjs');

/** What a node's process looked like from within, at most a quarter of a second long. */
export interface Vitals {
  readonly atMs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly arrayBufferBytes: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  readonly gcPauseMs: number;
  /** Messages to other nodes since the start. */
  readonly framesSent: number;
}

/**
 * @param node its process, and the directory that this works in
 * @param span from and to, as `Date.now()` gives them
 */
export function vitalsOf(
  node: { readonly directory: string; readonly pid: number },
  [fromMs, toMs]: readonly [number, number],
): readonly Vitals[] {
  return readFileSync(join(node.directory, `vitals-${node.pid}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Vitals)
    .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
}

export function highest(vitals: readonly Vitals[], of: keyof Vitals): number {
  return Math.max(...vitals.map((each) => each[of]));
}
