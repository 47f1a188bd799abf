// npm run demo: a cluster of the sample app on this machine, with nothing installed; `--help` lists the options.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { buildIfNeeded } from './build-if-needed.mjs';
import { DemoCluster } from './demo/cluster.mjs';
import { curlLines } from './demo/curl-lines.mjs';
import { readOptions, usage } from './demo/options.mjs';
import { freePorts, portsFrom } from './demo/ports.mjs';
import { smoke } from './demo/smoke.mjs';

const root = path.resolve(import.meta.dirname, '..');
const say = (line) => process.stdout.write(`${line}\n`);
const watchIntervalMs = 500;

try {
  process.exitCode = await demo();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function demo() {
  let options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${usage}`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  const stop = stopRequested();
  await buildIfNeeded({ only: ['library', 'application'], log: say });
  const ports = options.freePorts ? await freePorts(options.nodes) : await portsFrom(options.basePort, options.nodes);
  const temporary = options.smoke && options.dataDir === undefined;
  const dataDir = temporary
    ? await mkdtemp(path.join(os.tmpdir(), 'raft-smoke-'))
    : (options.dataDir ?? path.join(root, '.raft'));
  if (options.fresh) await rm(dataDir, { recursive: true, force: true });

  const cluster = new DemoCluster({ ports, storage: options.storage, dataDir });
  process.once('exit', () => cluster.killNow());
  let failure;
  try {
    say(
      `Starting ${options.nodes} nodes${options.storage === 'embedded' ? ', each with a Postgres of its own' : ''} …`,
    );
    const work = options.smoke ? runSmoke(cluster) : runDemo(cluster, dataDir, stop);
    await Promise.race([work, stop]);
    if (!options.smoke || stop.signal === undefined) await work;
  } catch (error) {
    failure = error;
  } finally {
    if (!options.smoke) say('Stopping …');
    await cluster.stop();
    if (temporary && failure === undefined) await rm(dataDir, { recursive: true, force: true });
  }
  if (failure === undefined) return options.smoke && stop.signal !== undefined ? 1 : 0;
  process.stderr.write(`${failure.message}\n${temporary ? `The nodes' logs are in ${dataDir}\n` : ''}`);
  return 1;
}

async function runSmoke(cluster) {
  for (const node of cluster.nodes) node.onDeath = (how) => (node.diedWith = how);
  const started = Date.now();
  await cluster.start();
  await smoke(cluster, say);
  say(`All well after ${((Date.now() - started) / 1000).toFixed(1)} s.`);
}

async function runDemo(cluster, dataDir, stop) {
  for (const node of cluster.nodes) {
    node.onDeath = (how) => {
      node.diedWith = how;
      void node.lastLines().then((lines) => say(`${node.id} ended (${how}). Its log ends with:\n${lines}`));
    };
  }
  await cluster.start();
  let leader = await Promise.race([cluster.leader({ onWait: (seconds) => say(`  … ${seconds} s`) }), stop]);
  if (stop.signal !== undefined) return;
  for (const node of cluster.nodes)
    say(`  ${node.id}  ${node.url}  log: ${path.relative(process.cwd(), node.logFile)}`);
  say(`\n${leader.id} leads. Any node takes any request; try:\n`);
  const other = cluster.nodes.find((node) => node !== leader) ?? leader;
  for (const { does, command } of curlLines(other.url)) say(`  ${command.padEnd(76)} # ${does}`);
  say(
    `\nData: ${path.relative(process.cwd(), dataDir) || dataDir}, kept for the next time (--fresh begins anew). Ctrl-C ends everything.\n`,
  );

  while (stop.signal === undefined) {
    await Promise.race([stop, new Promise((resolve) => setTimeout(resolve, watchIntervalMs))]);
    const statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
    const leading = statuses.find((status) => status?.isLeader);
    if (stop.signal === undefined && leading && leading.nodeId !== leader.id) {
      leader = cluster.nodes.find((node) => node.id === leading.nodeId);
      say(`${leader.id} leads now (term ${leading.term})`);
    }
    if (cluster.nodes.every((node) => !node.running)) throw new Error('Every node has ended');
  }
}

/** @returns {Promise<void> & {signal?: string}} resolves with the first signal; later ones don't cut the stop short */
function stopRequested() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      promise.signal ??= signal;
      resolve();
    });
  }
  return promise;
}
