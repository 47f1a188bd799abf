// Writes and linearizable reads of the three-node cluster against a plain route over one Postgres.
//
// What matters are the ratios: both sides are measured in turns, on the same machine, by the same generator.
import path from 'node:path';
import { DemoCluster } from '../scripts/demo/cluster.mjs';
import { freePorts } from '../scripts/demo/ports.mjs';
import { committedTransactions } from './support/commits.mjs';
import { generate, generator } from './support/load.mjs';
import { median } from './support/median.mjs';
import { startPostgres, startServer } from './support/servers.mjs';

const keyCount = 1_000;
const paths = Array.from({ length: keyCount }, (_, at) => `/key${at}`);
/** 128 bytes of JSON. */
const value = JSON.stringify({ text: 'x'.repeat(117) });
const sampledKeys = 200;

/** @param {import('./run.mjs').Run} run @returns {Promise<boolean>} whether nothing was lost */
export async function writeRead({ short, dataDir, say, atEnd, keep, ...given }) {
  const seconds = given.seconds ?? (short ? 2 : 5);
  const rounds = given.rounds ?? (short ? 1 : 3);
  const clientCounts = given.clients ?? (short ? [16, 64] : [1, 16, 64, 256]);
  const [plainPort, ...ports] = await freePorts(4);
  const cluster = new DemoCluster({ ports, storage: 'embedded', dataDir });
  const killNow = () => cluster.killNow();
  process.once('exit', killNow);
  atEnd(() => cluster.stop().then(() => process.off('exit', killNow)));

  const database = await startPostgres(path.join(dataDir, 'plain'), atEnd);
  const plain = await startServer('plain-route', [database.url, String(plainPort.http)], atEnd);
  plain.url = `http://127.0.0.1:${plainPort.http}`;
  await cluster.start();
  const leader = await cluster.leader({ all: true });
  say(`Load by ${generator}; the leader is ${leader.id}\n`);
  await fill([leader.url, plain.url]);
  const results = [];
  for (const clients of clientCounts) results.push(await measure(leader, plain, clients));
  const lost = await readBackAfterRestart();
  await keep('Writes and reads against a plain route', table(results, lost));
  return lost === 0;

  async function measure(leader, plain, clients) {
    const samples = { clusterPut: [], plainPut: [], clusterGet: [], plainGet: [] };
    const load = (url, method) => ({
      url,
      method,
      paths,
      body: method === 'PUT' ? value : undefined,
      clients,
      seconds,
    });
    const perCommit = [];
    for (let round = 0; round < rounds; round++) {
      const before = { commits: await committedTransactions(leader), index: (await leader.status()).lastIndex };
      samples.clusterPut.push(await generate(load(leader.url, 'PUT')));
      const commits = (await committedTransactions(leader)) - before.commits;
      perCommit.push(((await leader.status()).lastIndex - before.index) / commits);
      samples.plainPut.push(await generate(load(plain.url, 'PUT')));
      samples.clusterGet.push(await generate(load(leader.url, 'GET')));
      samples.plainGet.push(await generate(load(plain.url, 'GET')));
    }
    const result = { clients, entriesPerCommit: median(perCommit) };
    for (const [name, runs] of Object.entries(samples))
      result[name] = Object.fromEntries(
        ['perSecond', 'p50Ms', 'p99Ms', 'failed'].map((figure) => [figure, median(runs.map((run) => run[figure]))]),
      );
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
    for (const node of [next, ...cluster.nodes.filter((each) => each !== next)])
      for (const [key, json] of expected) {
        const response = await fetch(node.url + key, { signal: AbortSignal.timeout(10_000) });
        if ((await response.text()) !== json) lost++;
      }
    return lost;
  }

  function table(results, lost) {
    const cell = ({ perSecond, p50Ms, p99Ms }) =>
      `${Math.round(perSecond).toLocaleString('en')} (${p50Ms.toFixed(1)} / ${p99Ms.toFixed(1)})`;
    const failed = results.flatMap((result) => Object.values(result).map((each) => each?.failed ?? 0));
    return [
      '| clients | cluster writes/s (p50 / p99 ms) | plain writes/s | ratio | cluster reads/s | plain reads/s | ratio | entries a commit |',
      '|---|---|---|---|---|---|---|---|',
      ...results.map(
        (result) =>
          `| ${result.clients} | ${cell(result.clusterPut)} | ${cell(result.plainPut)} | ${result.writeRatio.toFixed(2)} | ${cell(result.clusterGet)} | ${cell(result.plainGet)} | ${result.readRatio.toFixed(2)} | ${result.entriesPerCommit.toFixed(1)} |`,
      ),
      '',
      `Load by ${generator}. Reads are linearizable. ${rounds} rounds of ${seconds} s, medians; failed requests: ${failed.reduce((sum, each) => sum + each, 0)}; ${sampledKeys} sampled keys read from each node after a restart of all: ${lost} lost.`,
    ].join('\n');
  }
}

/** Every key exists before reads are measured. */
async function fill(urls) {
  for (const url of urls) for (const key of paths) await put(url, key, value);
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
