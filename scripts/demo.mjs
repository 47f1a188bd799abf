// npm run demo: a cluster of the sample app on this machine, with nothing installed; `--help` lists the options.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildIfNeeded } from './build-if-needed.mjs';
import { DemoCluster, newest } from './demo/cluster.mjs';
import { curlLines } from './demo/curl-lines.mjs';
import { beginAnew, checkSize, peerSecretIn, rememberSize, temporaryFolder } from './demo/data-folder.mjs';
import { readOptions, usage } from './demo/options.mjs';
import { freePorts, portsFrom } from './demo/ports.mjs';
import { smoke } from './demo/smoke.mjs';

const root = path.resolve(import.meta.dirname, '..');
const say = (line) => process.stdout.write(`${line}\n`);
const watchIntervalMs = 300;

const exitCode = await main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  return 1;
});
// Where a signal cut the work short, it may still be waiting for something.
process.exit(exitCode);

async function main() {
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
  const isTemporary = options.smoke && options.dataDir === undefined;
  const dataDir = isTemporary ? await temporaryFolder() : (options.dataDir ?? path.join(root, '.raft'));
  const cluster = await prepare(options, dataDir);
  try {
    // Not to be cut short: a node that is started after the stop would stay.
    await cluster.start();
    const work = options.smoke ? runSmoke(cluster) : runDemo(cluster, dataDir, stop);
    await Promise.race([work, stop.requested]);
    if (stop.signal !== undefined) work.catch(() => undefined);
    if (stop.signal !== undefined && options.smoke) throw new Error(`Cut short by ${stop.signal}`);
    if (stop.signal === undefined) await work;
  } catch (error) {
    await cluster.stop();
    process.stderr.write(`${error.message}\n${isTemporary ? `The nodes' logs are in ${dataDir}\n` : ''}`);
    return 1;
  }
  if (!options.smoke) say('Stopping …');
  await cluster.stop();
  if (isTemporary) await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
  if (!options.smoke) say('Everything has ended.');
  return 0;
}

/** Everything that can go wrong before the first process is started. */
async function prepare({ nodes, storage, basePort, freePorts: anyPorts, fresh }, dataDir) {
  const allPorts = anyPorts ? await freePorts(nodes + 1) : await portsFrom(basePort, nodes);
  await buildIfNeeded({ only: ['library', 'application'], log: say });
  if (storage === 'embedded') {
    if (fresh) await beginAnew(dataDir);
    await checkSize(dataDir, nodes);
  }
  await mkdir(dataDir, { recursive: true });
  if (storage === 'embedded') await rememberSize(dataDir, nodes);
  say(
    `Starting ${nodes === 1 ? 'a node' : `${nodes} nodes`}${storage === 'embedded' ? ', each with a Postgres of its own' : ''} …`,
  );
  const cluster = new DemoCluster({
    ports: allPorts.slice(0, nodes),
    joinPorts: allPorts[nodes],
    storage,
    dataDir,
    secretFile: await peerSecretIn(dataDir),
  });
  process.once('exit', () => cluster.killNow());
  return cluster;
}

async function runSmoke(cluster) {
  const started = Date.now();
  await smoke(cluster, say);
  say(`All well after ${((Date.now() - started) / 1000).toFixed(1)} s.`);
}

async function runDemo(cluster, dataDir, stop) {
  let leader = await cluster.leader({ all: true, onWait: (seconds) => say(`  … ${seconds} s`) });
  for (const node of cluster.nodes) {
    say(`  ${node.id}  ${node.url}  process ${node.pid}, log in ${path.relative(process.cwd(), node.logFile)}`);
    node.onDeath = tellDeath;
  }
  say(`\n${leader.id} leads. Every node takes every request; try:\n`);
  const other = cluster.nodes.find((node) => node !== leader) ?? leader;
  const lines = curlLines(other.url);
  const width = Math.max(...lines.map(({ command }) => command.length));
  for (const { does, command } of lines) say(`  ${command.padEnd(width)}  # ${does}`);
  say(`\nOne more node joins by:\n\n  ${cluster.joiner.command}`);
  const folder = path.relative(process.cwd(), dataDir) || '.';
  say(`\nThe data in ${folder} is there at the next start (--fresh starts from nothing). Ctrl-C ends everything.\n`);

  while (stop.signal === undefined) {
    await Promise.race([stop.requested, sleep(watchIntervalMs)]);
    if (cluster.running.length === 0 && stop.signal === undefined) throw new Error('Every node has ended');
    leader = await tellLeader(cluster, leader, stop);
  }
}

async function tellLeader(cluster, before, stop) {
  const statuses = await Promise.all(cluster.running.map((node) => node.status()));
  const leading = newest(statuses.filter((status) => status?.isLeader));
  if (stop.signal !== undefined || leading === undefined || leading.nodeId === before.id) return before;
  say(`${leading.nodeId} leads now, in term ${leading.term}`);
  return cluster.nodes.find((node) => node.id === leading.nodeId);
}

function tellDeath(node) {
  void node.lastLines().then((lines) => say(`${node.id} ended (${node.diedWith}). Its log ends with:\n${lines}`));
}

/** @returns {{requested: Promise<void>, signal?: string}} of the first signal; later ones don't cut the stop short */
function stopRequested() {
  const stop = {};
  stop.requested = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
      process.on(signal, () => {
        stop.signal ??= signal;
        resolve();
      });
  });
  return stop;
}
