import type { SeededRandom } from '../../libs/raft/src/core/base/random';

/** Numbers that lengths and counts are set to: the edges. */
const EDGES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const LONGEST = 16 * 1024;

/** Makes inputs that nobody wrote out of inputs that somebody did. */
export class Mutator {
  constructor(readonly random: SeededRandom) {}

  pick<T>(values: readonly T[]): T {
    return values[this.random.between(0, values.length)]!;
  }

  happens(share: number): boolean {
    return this.random.next() < share;
  }

  /** One of the samples, changed in one to four places. Now and then it is noise alone. */
  mutated(samples: readonly Uint8Array[]): Buffer {
    if (this.happens(0.02)) return this.noise(this.random.between(0, 300));
    let bytes: Buffer = Buffer.from(this.pick(samples));
    for (let left = this.random.between(1, 5); left > 0; left--) bytes = this.changed(bytes, samples);
    return bytes.subarray(0, LONGEST);
  }

  noise(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; at++) bytes[at] = this.random.nextUint32();
    return bytes;
  }

  private changed(bytes: Buffer, samples: readonly Uint8Array[]): Buffer {
    const { random } = this;
    const at = random.between(0, bytes.length + 1);
    const to = Math.min(bytes.length, at + random.between(1, 40));
    switch (random.between(0, 7)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << random.between(0, 8);
        return bytes;
      case 1:
        if (at < bytes.length) bytes[at] = random.nextUint32();
        return bytes;
      case 2:
        return bytes.subarray(0, at);
      case 3:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
      case 4:
        return Buffer.concat([bytes.subarray(0, at), this.noise(random.between(1, 40)), bytes.subarray(at)]);
      case 5: {
        const other = Buffer.from(this.pick(samples));
        return Buffer.concat([bytes.subarray(0, at), other.subarray(random.between(0, other.length + 1))]);
      }
      default:
        return this.withEdge(bytes, at);
    }
  }

  /** A length or a count, wherever one may stand. */
  private withEdge(bytes: Buffer, at: number): Buffer {
    const size = this.pick([1, 2, 4]);
    if (at + size <= bytes.length) bytes.writeUIntBE(this.pick(EDGES) % 2 ** (8 * size), at, size);
    return bytes;
  }
}
