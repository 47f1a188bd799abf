import type { VirtualTime } from './virtual-time';

/** What kinds of steps a trace holds; their place in this list goes into the hash. */
export const TRACE_KINDS = [
  'fault',
  'start',
  'exit',
  'status',
  'send',
  'receive',
  'drop',
  'persist',
  'landed',
  'settled',
  'store',
  'apply',
  'call',
  'answer',
  'log',
] as const;

export type TraceKind = (typeof TRACE_KINDS)[number];

/** One step, for whoever draws it. */
export interface TraceStep {
  readonly atMs: number;
  readonly kind: TraceKind;
  readonly who: string;
  /** Of a message: the other end. */
  readonly other: string;
  readonly text: string;
}

const CODES = new Map<TraceKind, number>(TRACE_KINDS.map((kind, code) => [kind, code + 1]));
const TIME_RESOLUTION = 1000;

/**
 * What happened, step by step. Always a hash, by which two runs of a seed are compared; the readable lines are made only where
 * somebody wants them, since a failing seed can be run again.
 */
export class Trace {
  private high = 0x811c9dc5;
  private low = 0x9dc5811c;
  private steps = 0;
  private readonly kept: string[] = [];

  /** @param wanted which lines to keep: none, the last ones, or to hand out each at once */
  constructor(
    private readonly time: VirtualTime,
    private readonly wanted: {
      readonly keep: number;
      readonly sink?: (line: string) => void;
      readonly steps?: (step: TraceStep) => void;
    } = { keep: 0 },
  ) {}

  /**
   * @param value what distinguishes this step from others of its kind, for the hash
   * @param describe makes the readable line
   * @param other of a message, its other end
   */
  add(kind: TraceKind, who: string, value: number, describe: () => string, other = ''): void {
    this.steps++;
    this.mix(CODES.get(kind)! * 0x1_0000 + who.length);
    this.mix(Math.round(this.time.nowMs * TIME_RESOLUTION));
    this.mix(value);
    const { keep, sink, steps } = this.wanted;
    if (keep === 0 && sink === undefined && steps === undefined) return;
    const text = describe();
    steps?.({ atMs: this.time.nowMs, kind, who, other, text });
    if (keep === 0 && sink === undefined) return;
    const arrow = other === '' ? '' : `${kind === 'receive' ? '←' : '→'} ${other} `;
    const line = `${(this.time.nowMs / 1000).toFixed(4).padStart(9)} s  ${who.padEnd(6)} ${kind.padEnd(8)} ${arrow}${text}`;
    this.wanted.sink?.(line);
    if (this.wanted.keep === 0) return;
    this.kept.push(line);
    if (this.kept.length > 2 * this.wanted.keep) this.kept.splice(0, this.kept.length - this.wanted.keep);
  }

  /** The last lines, oldest first. */
  get lines(): readonly string[] {
    return this.kept.slice(-this.wanted.keep);
  }

  /** 16 hexadecimal characters that two runs have in common only if they did the same. */
  get hash(): string {
    return [this.high, this.low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }

  get length(): number {
    return this.steps;
  }

  private mix(value: number): void {
    const low = value >>> 0;
    const high = Math.floor(value / 0x1_0000_0000) >>> 0;
    this.high = Math.imul(this.high ^ low, 0x01000193) ^ high;
    this.low = Math.imul((this.low ^ (low + this.high)) >>> 0, 0x85ebca6b) ^ (this.low >>> 13);
  }
}
