// Replicated tables against the same transactions, by the same ORM, straight on one Postgres.
//
// Both sides are measured in turns, on the same machine, by the same generator. Nodes share its processors, and straight
// has them for itself: so the processor time that a transaction takes is measured, too.
import path from 'node:path';
import { freePorts } from '../scripts/demo/ports.mjs';
import { BankCluster } from './support/bank-cluster.mjs';
import { generate, generator } from './support/load.mjs';
import { median } from './support/median.mjs';
import { processorSeconds } from './support/processor-time.mjs';
import { startPostgres, startServer } from './support/servers.mjs';

const accounts = 1_000;
const distinctTransfers = 1_000;

const warmTransactions = 3_000;
const warmRuns = 15;

const shapes = [
  { name: 'three nodes, commands batched', nodes: 3, commandsPerTransaction: 64 },
  { name: 'three nodes, a transaction for each command', nodes: 3, commandsPerTransaction: 1 },
  { name: 'one node alone, commands batched', nodes: 1, commandsPerTransaction: 64 },
];

/** @param {import('./run.mjs').Run} run @returns {Promise<boolean>} whether the books are right, on all nodes alike */
export async function tables({ short, dataDir, say, atEnd, keep, ...given }) {
  const seconds = given.seconds ?? (short ? 1 : 5);
  const rounds = given.rounds ?? (short ? 1 : 3);
  const clientCounts = given.clients ?? (short ? [64] : [1, 16, 64]);
  const paths = Array.from({ length: distinctTransfers }, somePath);
  const straight = await startStraight();
  await post(`${straight.url}/accounts/${accounts}`);
  straight.answered = 0;

  const results = [];
  const faults = [];
  for (const [at, shape] of (short ? shapes.slice(0, 1) : shapes).entries()) {
    const ends = [];
    const endAll = async () => {
      while (ends.length > 0) await ends.pop()();
    };
    atEnd(endAll);
    const ports = await freePorts(shape.nodes);
    const folder = path.join(dataDir, `cluster-${at + 1}`);
    const cluster = await BankCluster.start(ports, folder, shape.commandsPerTransaction, (end) => ends.push(end));
    await post(`${cluster.leader.url}/accounts/${accounts}`);
    let answered = 0;
    for (const clients of clientCounts) {
      const result = await measure(shape, cluster, clients);
      answered += result.answered;
      results.push(result);
    }
    await cluster.settle();
    faults.push(...(await checkBooks(shape.name, cluster.nodes, answered)));
    await endAll();
  }
  faults.push(...(await checkBooks('straight', [straight], straight.answered)));
  await keep('Replicated tables against the same transactions, straight', table());
  return faults.length === 0;

  async function startStraight() {
    const database = await startPostgres(path.join(dataDir, 'straight'), atEnd);
    const [port] = await freePorts(1);
    const server = await startServer('bank-straight', [database.url, String(port.http)], atEnd);
    return { id: 'straight', url: `http://127.0.0.1:${port.http}`, pids: [server.pid, database.pid] };
  }

  async function measure(shape, cluster, clients) {
    const samples = [];
    const load = { method: 'POST', paths, clients, seconds };
    for (const { url } of [cluster.leader, straight]) await warm({ ...load, url });
    for (let round = 0; round < rounds; round++) {
      await cluster.settle();
      const ours = await withCost(
        () => cluster.processorSeconds(),
        () => cluster.databaseSeconds(),
        async () => {
          const figures = await generate({ url: cluster.leader.url, ...load });
          return { ...figures, behindSeconds: await cluster.settle() };
        },
      );
      const theirs = await withCost(
        () => processorSeconds(straight.pids),
        () => processorSeconds(straight.pids.slice(1)),
        () => generate({ url: straight.url, ...load }),
      );
      straight.answered += theirs.answered;
      samples.push({ ours, theirs });
    }
    const of = (figure) => median(samples.map(figure));
    const result = {
      shape,
      clients,
      answered: samples.reduce((sum, { ours }) => sum + ours.answered, 0),
      failed: samples.reduce((sum, { ours, theirs }) => sum + ours.failed + theirs.failed, 0),
      perSecond: of(({ ours }) => ours.perSecond),
      p50Ms: of(({ ours }) => ours.p50Ms),
      p99Ms: of(({ ours }) => ours.p99Ms),
      costMs: of(({ ours }) => ours.costMs),
      databaseMs: of(({ ours }) => ours.databaseMs),
      behindSeconds: of(({ ours }) => ours.behindSeconds),
      straightPerSecond: of(({ theirs }) => theirs.perSecond),
      straightCostMs: of(({ theirs }) => theirs.costMs),
      straightDatabaseMs: of(({ theirs }) => theirs.databaseMs),
      ratio: of(({ ours, theirs }) => ours.perSecond / theirs.perSecond),
      costRatio: of(({ ours, theirs }) => theirs.costMs / (ours.costMs / shape.nodes)),
    };
    say(`${shape.name}, ${clients} clients: ${result.ratio.toFixed(2)} times straight`);
    return result;
  }

  /** Until what is called all the time is compiled: before, the same work takes several times as long. */
  async function warm(load) {
    const wanted = short ? 1 : warmTransactions;
    let answered = 0;
    for (let run = 0; answered < wanted && run < warmRuns; run++)
      answered += (await generate({ ...load, seconds: short ? 1 : 2 })).answered;
  }

  function table() {
    const cell = (number, digits) => (Number.isFinite(number) ? number.toFixed(digits) : '');
    const cost = (all, database) => (Number.isFinite(all) ? `${all.toFixed(2)} (${database.toFixed(2)})` : '');
    return [
      '| what | clients | transactions/s (p50 / p99 ms) | straight | ratio | processor ms a transaction (of them Postgres): all nodes | straight | straight / one node | followers behind |',
      '|---|---|---|---|---|---|---|---|---|',
      ...results.map(
        (result) =>
          `| ${result.shape.name} | ${result.clients} | ${Math.round(result.perSecond)} (${cell(result.p50Ms, 1)} / ${cell(result.p99Ms, 1)}) | ${Math.round(result.straightPerSecond)} | ${cell(result.ratio, 2)} | ${cost(result.costMs, result.databaseMs)} | ${cost(result.straightCostMs, result.straightDatabaseMs)} | ${cell(result.costRatio, 2)} | ${cell(result.behindSeconds, 2)} s |`,
      ),
      '',
      'A transaction reads and locks two accounts, updates both and inserts a row, by TypeORM. Three nodes and their three Postgres share',
      'the machine here; straight, one process and one Postgres have it for themselves. So the ratio of three nodes is of work that is',
      'done three times on one machine. `straight / one node` is the ratio of what a transaction costs in processor time: what remains of it where each node has a machine of its own.',
      '',
      `Load by ${generator}. ${rounds} rounds of ${seconds} s, medians; failed requests: ${results.reduce((sum, { failed }) => sum + failed, 0)}.`,
      faults.length === 0 ? 'Sums and rows are right afterwards, and equal on all nodes.' : faults.join(' '),
    ].join('\n');
  }
}

/** @returns what came of it, with the processor time of each transaction in `costMs`, and in `databaseMs` that of Postgres */
async function withCost(seconds, databaseSeconds, work) {
  const both = () => Promise.all([seconds(), databaseSeconds()]);
  const before = await both();
  const figures = await work();
  const after = await both();
  const [costMs, databaseMs] = after.map((at, which) =>
    at === undefined || before[which] === undefined ? Number.NaN : (1000 * (at - before[which])) / figures.answered,
  );
  return { ...figures, costMs, databaseMs };
}

/** Speed that loses money is none. */
async function checkBooks(name, nodes, answered) {
  const books = await Promise.all(nodes.map(async ({ url }) => (await fetch(`${url}/books`)).json()));
  const faults = [];
  if (books.some(({ difference }) => difference !== '0')) faults.push(`${name}: the sum of all accounts has changed.`);
  if (books.some(({ transfers }) => transfers < answered)) faults.push(`${name}: transfers are missing.`);
  if (new Set(books.map(({ content }) => content)).size !== 1) faults.push(`${name}: the nodes differ.`);
  return faults;
}

function somePath() {
  const from = 1 + Math.floor(Math.random() * accounts);
  const to = 1 + ((from + Math.floor(Math.random() * (accounts - 1))) % accounts);
  return `/transfer/${from}/${to}/${1 + Math.floor(Math.random() * 100)}`;
}

async function post(url) {
  const response = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(60_000) });
  if (!response.ok) throw new Error(`POST ${url}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}
