import { SeededRandom } from '../../../core/base/random';

/** What a simulation draws from its seed. */
export class Chance extends SeededRandom {
  /** @returns the generator of one thing among many of its kind: what the others draw, or whether they are there, changes nothing in it */
  static of(seed: number, kind: string, number = 0): Chance {
    let mixed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
    for (let at = 0; at < kind.length; at++) mixed = Math.imul(mixed ^ kind.charCodeAt(at), 0x01000193);
    const own = new Chance(Math.imul(mixed ^ number, 0xc2b2ae35));
    return new Chance(own.nextUint32() ^ number);
  }

  /** @returns true in this share of all calls */
  happens(share: number): boolean {
    return share > 0 && this.next() < share;
  }

  /** @returns a number in [from, to) */
  uniform(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  /** @returns mostly small values, with a long tail */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  pick<T>(values: readonly T[]): T {
    if (values.length === 0) throw new RangeError('nothing to pick from');
    return values[this.between(0, values.length)]!;
  }

  /** @returns one of the keys, with the probability that its weight has among all */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const names = Object.keys(weights) as T[];
    let left = this.next() * names.reduce((total, name) => total + weights[name], 0);
    for (const name of names) {
      left -= weights[name];
      if (left < 0) return name;
    }
    return names.at(-1)!;
  }

  shuffled<T>(values: readonly T[]): T[] {
    const result = [...values];
    for (let at = result.length - 1; at > 0; at--) {
      const other = this.between(0, at + 1);
      [result[at], result[other]] = [result[other]!, result[at]!];
    }
    return result;
  }

  /** @returns a generator of its own, so that what it is used for doesn't shift what others draw */
  fork(): Chance {
    return new Chance(this.nextUint32());
  }
}
