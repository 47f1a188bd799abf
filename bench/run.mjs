// npm run bench: what the cluster does against the same work on one Postgres, in one run on one machine.
//
//   npm run bench                                     everything, a quarter of an hour
//   npm run bench -- --only write-read                writes and linearizable reads against a plain route
//   npm run bench -- --only tables                    replicated tables against the same transactions, straight
//   npm run bench -- --short                          one short round each, whose results aren't kept
//   npm run bench -- --seconds 5 --rounds 3 --clients 64
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildIfNeeded } from '../scripts/build-if-needed.mjs';
import { tables } from './tables.mjs';
import { writeRead } from './write-read.mjs';

/** Each is given {@link Run}, and says whether all that was acknowledged is there. */
const benchmarks = { 'write-read': writeRead, tables };

/**
 * @typedef {object} Run
 * @property {boolean} short
 * @property {number | undefined} seconds of each measurement
 * @property {number | undefined} rounds
 * @property {number[] | undefined} clients
 * @property {string} dataDir a folder of the benchmark's own
 * @property {(line: string) => void} say
 * @property {(end: () => unknown) => void} atEnd what has to be ended, however the run ends; the last first
 * @property {(heading: string, text: string) => Promise<void>} keep the results, which are kept in `results` unless the run is short
 */

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    clients: { type: 'string' },
  },
});
const chosen = values.only?.split(',') ?? Object.keys(benchmarks);
const unknown = chosen.find((name) => !(name in benchmarks));
if (unknown !== undefined) {
  process.stderr.write(`--only: "${unknown}" is none of ${Object.keys(benchmarks).join(', ')}\n`);
  process.exit(2);
}
const number = (text) => (text === undefined ? undefined : Number(text));
const say = (line) => process.stdout.write(`${line}\n`);
const ends = [];
let ending;
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void end().then(() => process.exit(1)));

await buildIfNeeded({ log: say });
for (const name of chosen) {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'raft-bench-'));
  ends.push(() => rm(dataDir, { recursive: true, force: true, maxRetries: 20 }));
  try {
    const isWhole = await benchmarks[name]({
      short: values.short,
      seconds: number(values.seconds),
      rounds: number(values.rounds),
      clients: values.clients?.split(',').map(Number),
      dataDir,
      say,
      atEnd: (each) => ends.push(each),
      keep: (heading, text) => keep(name, heading, text),
    });
    if (!isWhole) process.exitCode = 1;
  } finally {
    await end();
  }
}

async function keep(name, heading, text) {
  say(`\n${text}`);
  if (values.short) return;
  const machine = `${os.cpus().length} cores (${os.cpus()[0].model}), Node ${process.version}, load average ${os.loadavg()[0].toFixed(1)} at the end`;
  const folder = path.resolve(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, `${name}.md`), `# ${heading}\n\n${machine}. Trust the ratios.\n\n${text}\n`);
}

function end() {
  ending ??= (async () => {
    while (ends.length > 0) await ends.pop()();
    ending = undefined;
  })();
  return ending;
}
