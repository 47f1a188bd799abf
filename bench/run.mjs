// npm run bench: writes and linearizable reads of the three-node cluster against a plain route over one Postgres, in one run.
//
//   npm run bench                          1, 16, 64 and 256 clients, three rounds of 5 s each; a few minutes
//   npm run bench -- --short               one round of 2 s at 16 and 64 clients
//   npm run bench -- --seconds 5 --rounds 3 --clients 64
//
// What matters are the ratios: both sides are measured in turns, on the same machine, by the same generator.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildIfNeeded } from '../scripts/build-if-needed.mjs';
import { DemoCluster } from '../scripts/demo/cluster.mjs';
import { freePorts } from '../scripts/demo/ports.mjs';
import { committedTransactions } from './support/commits.mjs';
import { generate, generator, keyCount, value } from './support/load.mjs';
import { startPlainServer } from './support/plain-server.mjs';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    clients: { type: 'string' },
  },
});
const seconds = Number(values.seconds ?? (values.short ? 2 : 5));
const rounds = Number(values.rounds ?? (values.short ? 1 : 3));
const clientCounts = (values.clients ?? (values.short ? '16,64' : '1,16,64,256')).split(',').map(Number);
const sampledKeys = 200;
const say = (line) => process.stdout.write(`${line}\n`);

await buildIfNeeded({ log: say });
const dataDir = await mkdtemp(path.join(os.tmpdir(), 'raft-bench-'));
const [plainPort, ...ports] = await freePorts(4);
const cluster = new DemoCluster({ ports, storage: 'embedded', dataDir });
process.once('exit', () => cluster.killNow());
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void end().then(() => process.exit(1)));
let plain;
let ended;

try {
  plain = await startPlainServer({ port: plainPort.http, dataDir });
  await cluster.start();
  const leader = await cluster.leader({ all: true });
  say(`${os.cpus().length} cores, Node ${process.version}, load by ${generator}; the leader is ${leader.id}\n`);
  await fill([leader.url, plain.url]);
  const results = [];
  for (const clients of clientCounts) results.push(await measure(leader, clients));
  const lost = await readBackAfterRestart();
  await report(results, lost);
  process.exitCode = lost === 0 ? 0 : 1;
} finally {
  await end();
}

/** Every key exists before reads are measured. */
async function fill(urls) {
  for (const url of urls) {
    for (let at = 0; at < keyCount; at++) await put(url, `/key${at}`, value);
  }
}

async function measure(leader, clients) {
  const samples = { clusterPut: [], plainPut: [], clusterGet: [], plainGet: [] };
  const perCommit = [];
  for (let round = 0; round < rounds; round++) {
    const before = { commits: await committedTransactions(leader), index: (await leader.status()).lastIndex };
    samples.clusterPut.push(await generate({ url: leader.url, method: 'PUT', clients, seconds }));
    const commits = (await committedTransactions(leader)) - before.commits;
    perCommit.push(((await leader.status()).lastIndex - before.index) / commits);
    samples.plainPut.push(await generate({ url: plain.url, method: 'PUT', clients, seconds }));
    samples.clusterGet.push(await generate({ url: leader.url, method: 'GET', clients, seconds }));
    samples.plainGet.push(await generate({ url: plain.url, method: 'GET', clients, seconds }));
  }
  const result = { clients, entriesPerCommit: median(perCommit) };
  for (const [name, runs] of Object.entries(samples)) {
    result[name] = Object.fromEntries(
      ['perSecond', 'p50Ms', 'p99Ms', 'failed'].map((figure) => [figure, median(runs.map((run) => run[figure]))]),
    );
  }
  result.writeRatio = median(samples.clusterPut.map((run, at) => run.perSecond / samples.plainPut[at].perSecond));
  result.readRatio = median(samples.clusterGet.map((run, at) => run.perSecond / samples.plainGet[at].perSecond));
  say(
    `${clients} clients: writes ${result.writeRatio.toFixed(2)}, reads ${result.readRatio.toFixed(2)} times the plain route`,
  );
  return result;
}

/** Speed that loses data is none: sampled keys have to be on every node after a restart of all. */
async function readBackAfterRestart() {
  const leader = await cluster.leader({ all: true });
  const expected = new Map();
  for (let at = 0; at < sampledKeys; at++) {
    const json = JSON.stringify({ at, stamp: Math.random() });
    await put(leader.url, `/sample${at}`, json);
    expected.set(`/sample${at}`, json);
  }
  await cluster.stop();
  await cluster.start();
  const next = await cluster.leader({ all: true });
  // Read through the leader first: then everything is committed, and followers have it within a heartbeat.
  let lost = 0;
  for (const node of [next, ...cluster.nodes.filter((each) => each !== next)]) {
    for (const [key, json] of expected) {
      const response = await fetch(node.url + key, { signal: AbortSignal.timeout(10_000) });
      if ((await response.text()) !== json) lost++;
    }
  }
  return lost;
}

async function put(url, key, json) {
  const response = await fetch(url + key, {
    method: 'PUT',
    body: json,
    headers: { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`PUT ${key}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

async function report(results, lost) {
  const cell = ({ perSecond, p50Ms, p99Ms }) =>
    `${Math.round(perSecond).toLocaleString('en')} (${p50Ms.toFixed(1)} / ${p99Ms.toFixed(1)})`;
  const failed = results.flatMap((result) => Object.values(result).map((each) => each?.failed ?? 0));
  const lines = [
    '| clients | cluster writes/s (p50 / p99 ms) | plain writes/s | ratio | cluster reads/s | plain reads/s | ratio | entries a commit |',
    '|---|---|---|---|---|---|---|---|',
    ...results.map(
      (result) =>
        `| ${result.clients} | ${cell(result.clusterPut)} | ${cell(result.plainPut)} | ${result.writeRatio.toFixed(2)} | ${cell(result.clusterGet)} | ${cell(result.plainGet)} | ${result.readRatio.toFixed(2)} | ${result.entriesPerCommit.toFixed(1)} |`,
    ),
    '',
    `${rounds} rounds of ${seconds} s, medians; failed requests: ${failed.reduce((sum, each) => sum + each, 0)}; ${sampledKeys} sampled keys read from each node after a restart of all: ${lost} lost.`,
  ];
  say(`\n${lines.join('\n')}`);
  const folder = path.resolve(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  const heading = `# Writes and reads against a plain route\n\n${os.cpus().length} cores (${os.cpus()[0].model}), Node ${process.version}, load by ${generator}. Reads are linearizable. Trust the ratios.\n\n`;
  await writeFile(path.join(folder, values.short ? 'short.md' : 'write-read.md'), `${heading}${lines.join('\n')}\n`);
}

function median(numbers) {
  const sorted = [...numbers].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)];
}

function end() {
  ended ??= (async () => {
    await cluster.stop();
    await plain?.stop();
    await rm(dataDir, { recursive: true, force: true });
  })();
  return ended;
}
