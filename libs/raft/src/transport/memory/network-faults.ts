import type { SeededRandom } from '../../core/base/random';

/** What happens to each message on its way. @publicApi */
export interface DeliveryFaults {
  /** The share of messages that are lost, 0 to 1. Default 0. */
  readonly dropRate: number;
  /** The share of messages that arrive twice, 0 to 1. Default 0. */
  readonly duplicateRate: number;
  /** Each delivery takes a time drawn from [min, max); where they differ, messages overtake each other. Default 0. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

export const NO_FAULTS: DeliveryFaults = Object.freeze({ dropRate: 0, duplicateRate: 0, minDelayMs: 0, maxDelayMs: 0 });

/** Which way is cut, and what befalls what still passes. */
export class NetworkFaults {
  private readonly random: SeededRandom;
  private readonly cuts = new Set<string>();
  private delivery = NO_FAULTS;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  set(faults: Partial<DeliveryFaults>): void {
    this.delivery = { ...NO_FAULTS, ...faults };
  }

  cut(from: string, to: string): void {
    this.cuts.add(way(from, to));
  }

  mend(from: string, to: string): void {
    this.cuts.delete(way(from, to));
  }

  mendAll(): void {
    this.cuts.clear();
  }

  passes(from: string, to: string): boolean {
    return !this.cuts.has(way(from, to));
  }

  /** @returns the delays of the deliveries of one message: none where it is lost, two where it comes twice */
  deliveries(): number[] {
    const { dropRate, duplicateRate } = this.delivery;
    if (dropRate > 0 && this.random.next() < dropRate) return [];
    const twice = duplicateRate > 0 && this.random.next() < duplicateRate;
    return twice ? [this.delayMs(), this.delayMs()] : [this.delayMs()];
  }

  delayMs(): number {
    const { minDelayMs, maxDelayMs } = this.delivery;
    return maxDelayMs <= minDelayMs ? minDelayMs : minDelayMs + this.random.next() * (maxDelayMs - minDelayMs);
  }
}

function way(from: string, to: string): string {
  return JSON.stringify([from, to]);
}
