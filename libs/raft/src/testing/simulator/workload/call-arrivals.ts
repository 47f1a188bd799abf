import { Chance } from '../base/chance';
import type { World } from '../base/world';

/** Now and then several calls come at once. */
const BURSTS = { share: 0.1, from: 2, to: 8 };
const CALLS_AT_ONCE = 1 - BURSTS.share + (BURSTS.share * (BURSTS.from + BURSTS.to - 1)) / 2;
const SHORTEST_MEAN_MS = 5;
/** Calls that were others' to make may come back at any time. */
const LONGEST_MEAN_MS = 2000;
const RUSH = { calls: 10, withinMs: 400 };
/** By so many calls may rushes be ahead of time, so that enough are left for the rest of it. */
const MOST_AHEAD = 40;
const FIRST_OF_RUSHES = 1_000_000;

export interface ArrivalPlan {
  /** When the last call shall have been made. */
  readonly endAtMs: number;
  /** How many calls a seed makes. */
  readonly calls: number;
  /** In which share of the changes of the leader clients rush to those who lead. */
  readonly rushes: number;
}

/**
 * When clients call. A seed makes its calls while it lasts: by and by, a few at once, and many where they tell most, which is
 * when another leads than before and the one before may not know.
 */
export class CallArrivals {
  private number = 0;
  private rushed = 0;
  private rushes = 0;
  private changes = 0;
  private stopped = false;

  /**
   * @param left how many calls are still to be made
   * @param call makes the one with this number; false where it reached nobody
   */
  constructor(
    private readonly seed: number,
    private readonly world: World,
    private readonly plan: ArrivalPlan,
    private readonly left: () => number,
    private readonly call: (number: number) => boolean,
  ) {}

  start(): void {
    this.next(0);
  }

  stop(): void {
    this.stopped = true;
  }

  /** Another leads than before, and the one before may not know. */
  leaderChanged(): void {
    const { calls, endAtMs, rushes } = this.plan;
    const isAhead = this.left() < calls * (1 - this.world.time.nowMs / endAtMs) - MOST_AHEAD;
    if (!isAhead && Chance.of(this.seed, 'change', this.changes++).happens(rushes)) this.rush();
  }

  /** Many calls come at once, most of them to who leads, or believes so. */
  rush(): void {
    const { time } = this.world;
    const chance = Chance.of(this.seed, 'rush', this.rushes++);
    if (this.stopped) return;
    for (let count = 0; count < RUSH.calls; count++) {
      const number = FIRST_OF_RUSHES + this.rushed++;
      time.after(chance.uniform(0, RUSH.withinMs), () => {
        if (!this.stopped && this.left() > 0) this.call(number);
      });
    }
  }

  private next(turn: number): void {
    const { time } = this.world;
    const chance = Chance.of(this.seed, 'arrival', turn);
    time.after(chance.exponential(this.meanMs()), () => {
      if (this.stopped) return;
      const count = chance.happens(BURSTS.share) ? chance.between(BURSTS.from, BURSTS.to) : 1;
      for (let at = 0; at < count && this.left() > 0; at++) this.call(this.number++);
      this.next(turn + 1);
    });
  }

  private meanMs(): number {
    const leftMs = this.plan.endAtMs - this.world.time.nowMs;
    const evenMs = (leftMs / Math.max(1, this.left())) * CALLS_AT_ONCE;
    return Math.min(LONGEST_MEAN_MS, Math.max(SHORTEST_MEAN_MS, evenMs));
  }
}

/** @returns whether the call with this number is one of those that go to who leads, or believes so */
export function isOfRush(number: number): boolean {
  return number >= FIRST_OF_RUSHES;
}
