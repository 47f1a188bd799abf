import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { frameTarget, handshakeTarget } from './frame-target';
import { fuzz, FuzzFailure, type FuzzResult } from './fuzz';
import { commandTarget, requestTarget } from './payload-targets';
import { snapshotTarget } from './snapshot-target';
import type { FuzzTarget } from './target';

const USAGE = `npm run fuzz -- [options]
  --frames N     mutated frames (default 10,000,000)
  --payloads N   mutated handshakes, commands, requests and snapshots, of each (default 1,000,000)
  --seed S       draws the same inputs again (default: drawn, and printed)
  --only NAME    frames, handshakes, commands, requests or snapshots`;
const PROGRESS_MS = 5000;

/** @returns the exit code */
export async function fuzzCommand(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      frames: { type: 'string', default: '10000000' },
      payloads: { type: 'string', default: '1000000' },
      seed: { type: 'string' },
      only: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    say(USAGE);
    return 0;
  }
  const frames = wholeNumber('frames', values.frames);
  const payloads = wholeNumber('payloads', values.payloads);
  const seed = values.seed === undefined ? randomInt(2 ** 31) : wholeNumber('seed', values.seed);
  const targets = [frameTarget(), handshakeTarget(), commandTarget(), requestTarget(), await snapshotTarget()];
  const wanted = targets.filter(({ name }) => values.only === undefined || name === values.only);
  if (wanted.length === 0)
    throw new TypeError(`--only is ${values.only}; write one of ${targets.map(({ name }) => name).join(', ')}`);
  say(`seed ${seed}`);
  for (const target of wanted)
    try {
      say(describe(await run(target, target.name === 'frames' ? frames : payloads, seed)));
    } catch (error) {
      if (!(error instanceof FuzzFailure)) throw error;
      say(error.message);
      return 1;
    }
  return 0;
}

async function run(target: FuzzTarget, count: number, seed: number): Promise<FuzzResult> {
  let saidMs = performance.now();
  return fuzz(target, count, seed, (done) => {
    if (performance.now() - saidMs < PROGRESS_MS) return;
    saidMs = performance.now();
    say(`${target.name}: ${done} of ${count}`);
  });
}

function describe({ target, inputs, accepted, refused, mostBytesAsked, longestMs }: FuzzResult): string {
  return (
    `${target}: ${inputs} inputs, ${accepted} read, ${refused} refused; at most ${mostBytesAsked} bytes asked for and ` +
    `${longestMs.toFixed(1)} ms for one`
  );
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new TypeError(`--${option} is ${text}; write a whole number`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
