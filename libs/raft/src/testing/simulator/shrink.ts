import type { Script, ScriptedStep } from './base/script';
import { simulate, type SeedResult } from './simulation';

/** @publicApi */
export interface ShrinkOptions {
  /** How many runs it may take. Default 300. */
  readonly mostRuns?: number;
}

/** What is left of a failing seed. */
export interface Shrunk {
  readonly result: SeedResult;
  readonly script: Script;
  readonly runs: number;
}

const MOST_RUNS = 300;
/** A pause between two steps that is longer than this is tried in this length. */
const SHORT_PAUSE_MS = 150;
/** How much later than before a shorter story may fail: an election or two. Then it is healed, and over soon. */
const PATIENCE_MS = 3_000;

/**
 * Cuts down what happens in a failing run for as long as it still fails by the same rule: faults, calls and time. The seed
 * stays, and each fault and each call with it: they draw from generators of their own, so that what is left out changes
 * nothing in the others but their circumstances.
 *
 * @param failing a run of a seed that failed
 */
export async function shrink(failing: SeedResult, options: ShrinkOptions = {}): Promise<Shrunk> {
  return new Shrinking(failing, options.mostRuns ?? MOST_RUNS).run();
}

class Shrinking {
  private best: SeedResult;
  private runs = 0;

  constructor(
    failing: SeedResult,
    private readonly mostRuns: number,
  ) {
    this.best = failing;
  }

  async run(): Promise<Shrunk> {
    await this.cutEnd();
    await this.cutSessions();
    await this.cutFront('faults');
    await this.cutFront('calls');
    for (let before = -1; before !== this.size && this.runs < this.mostRuns;) {
      before = this.size;
      await this.cutList('faults');
      await this.cutList('calls');
      await this.cutPauses();
    }
    return { result: this.best, script: this.best.script, runs: this.runs };
  }

  private get size(): number {
    const { faults, calls } = this.best.script;
    return faults.length + calls.length;
  }

  /** Whatever was to come behind the failure had no part in it; and what healing shows, it may show earlier. */
  private async cutEnd(): Promise<void> {
    const { script, simulatedMs } = this.best;
    const isBefore = ({ atMs }: ScriptedStep): boolean => atMs <= simulatedMs;
    const cut = { ...script, faults: script.faults.filter(isBefore), calls: script.calls.filter(isBefore) };
    if (simulatedMs > script.healAtMs) {
      const lastMs = Math.max(0, ...cut.faults.map(({ atMs }) => atMs));
      if (await this.try({ ...cut, healAtMs: lastMs + SHORT_PAUSE_MS })) return;
    }
    await this.try(cut);
  }

  private async cutSessions(): Promise<void> {
    for (let sessionClients = 0; sessionClients < this.best.script.sessionClients; sessionClients++)
      if (await this.try({ ...this.best.script, sessionClients })) return;
  }

  /** Most failures follow from what came shortly before: the last step alone is tried, then the last two, four, and so on. */
  private async cutFront(list: 'faults' | 'calls'): Promise<void> {
    const steps = this.best.script[list];
    for (let kept = 0; kept < steps.length; kept = Math.max(1, 2 * kept)) {
      if (this.runs >= this.mostRuns) return;
      if (await this.try({ ...this.best.script, [list]: steps.slice(steps.length - kept) })) return;
    }
  }

  /** Leaves out halves, then quarters, and at last single steps (delta debugging). */
  private async cutList(list: 'faults' | 'calls'): Promise<void> {
    for (let size = this.best.script[list].length; size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
      for (let from = this.best.script[list].length - size; from > -size; from -= size) {
        if (this.runs >= this.mostRuns) return;
        const steps = this.best.script[list];
        const kept = [...steps.slice(0, Math.max(0, from)), ...steps.slice(from + size)];
        if (kept.length < steps.length) await this.try({ ...this.best.script, [list]: kept });
      }
  }

  /** Moves everything behind a long pause forward. */
  private async cutPauses(): Promise<void> {
    const times = [...this.best.script.faults, ...this.best.script.calls].map(({ atMs }) => atMs);
    for (const toMs of [...new Set(times)].sort((left, right) => right - left)) {
      if (this.runs >= this.mostRuns) return;
      const { script } = this.best;
      const earlier = [...script.faults, ...script.calls].filter(({ atMs }) => atMs < toMs).map(({ atMs }) => atMs);
      const byMs = toMs - Math.max(0, ...earlier) - SHORT_PAUSE_MS;
      if (byMs < SHORT_PAUSE_MS) continue;
      const moved = (steps: readonly ScriptedStep[]): readonly ScriptedStep[] =>
        steps.map((step) => (step.atMs >= toMs ? { ...step, atMs: step.atMs - byMs } : step));
      const healAtMs = Math.max(0, script.healAtMs - byMs);
      await this.try({ ...script, faults: moved(script.faults), calls: moved(script.calls), healAtMs });
    }
  }

  private async try({ healAtMs, ...steps }: Script): Promise<boolean> {
    this.runs++;
    const script = { ...steps, healAtMs: Math.min(healAtMs, this.best.simulatedMs + PATIENCE_MS) };
    const result = await simulate(this.best.seed, { script });
    if (result.violation?.rule !== this.best.violation?.rule) return false;
    // What the run did of the script, in case some of it came to nothing.
    this.best = result;
    return true;
  }
}
