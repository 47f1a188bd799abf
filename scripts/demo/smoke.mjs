// What a person would try, done by itself: every write that was answered 200 has to be there at the end, on every node.
import { setTimeout as sleep } from 'node:timers/promises';

const patienceMs = 30_000;
const clientCount = 16;
const writesBeforeTheCut = 200;

/** @param {import('./cluster.mjs').DemoCluster} cluster @param {(line: string) => void} say @throws {Error} with what went wrong */
export async function smoke(cluster, say) {
  const written = new Map();
  let serial = 0;

  /** One write through one node. @returns {Promise<boolean>} whether it was acknowledged */
  const writeOnce = async (node) => {
    const key = `/smoke/${++serial}`;
    const value = JSON.stringify({ serial, written: 'by the smoke test' });
    const response = await request(node, key, { method: 'PUT', body: value });
    if (response?.status === 200) written.set(key, value);
    return response?.status === 200;
  };

  /** Writes until one is acknowledged, by any node that runs. @returns {Promise<number>} milliseconds that it took */
  const write = async () => {
    const nodes = cluster.running;
    const started = performance.now();
    for (let attempt = 0; performance.now() - started < patienceMs; attempt++) {
      if (await writeOnce(nodes[attempt % nodes.length])) return performance.now() - started;
      await sleep(10);
    }
    throw new Error(`No write succeeded for ${patienceMs / 1000} s`);
  };

  const writeMany = async (count) => {
    for (let at = 0; at < count; at++) await write();
  };

  const compare = async (node, query = '') => {
    for (const [key, value] of written) {
      const response = await patiently(() => request(node, key + query, {}));
      const body = response?.status === 200 ? await response.text() : `status ${response?.status}`;
      if (body !== value) throw new Error(`${node.id} answers ${body} for ${key}, which holds ${value}`);
    }
  };

  const leader = await cluster.leader({ all: true });
  say(`${leader.id} leads`);
  await writeMany(30);
  for (const node of cluster.nodes) await compare(node);
  say(`30 writes, read back through all ${cluster.nodes.length} nodes`);

  if (cluster.nodes.length > 2) {
    await leader.kill();
    const failover = await write();
    say(`killed the leader, ${leader.id}: the next write succeeded after ${failover.toFixed(0)} ms`);
    await writeMany(30);
    await leader.start();
    await cluster.leader({ all: true });
    await compare(leader);
    say(`went on writing, restarted ${leader.id}: it has everything`);
  }

  const clients = Array.from({ length: clientCount }, async (_, client) => {
    while (cluster.running.length > 0) await writeOnce(cluster.nodes[client % cluster.nodes.length]);
  });
  const before = written.size;
  const deadline = performance.now() + patienceMs;
  while (written.size < before + writesBeforeTheCut && performance.now() < deadline) await sleep(5);
  await cluster.cutPower();
  await Promise.all(clients);
  say(`${clientCount} clients wrote, and all nodes and all databases were killed at one instant`);
  const restarted = performance.now();
  await cluster.start();
  await cluster.leader({ all: true });
  await write();
  const seconds = ((performance.now() - restarted) / 1000).toFixed(1);
  for (const node of cluster.nodes) {
    await compare(node);
    await convergedLocally(node, compare);
  }
  say(`started them again, and could write after ${seconds} s`);
  await joinByCommand(cluster, say);
  await compare(cluster.joiner);
  await convergedLocally(cluster.joiner, compare);
  say(`${cluster.joiner.id} votes, and has everything`);
  say(`all ${written.size} acknowledged writes are there, on every node`);
}

/** Types what a person would: the command, word for word as it is printed. */
async function joinByCommand(cluster, say) {
  const { joiner } = cluster;
  const printed = [];
  for (const line of [`one more node joins by:`, `  ${joiner.command}`]) {
    printed.push(line);
    say(line);
  }
  await joiner.start(printed.at(-1).trim());
  const started = performance.now();
  for (;;) {
    const leader = await cluster.leader();
    const members = (await leader.status())?.members ?? [];
    if (members.some(({ name, voter, role }) => name === joiner.id && voter && role === 'voter')) return;
    if (joiner.exitCode !== undefined)
      throw new Error(`${joiner.id} ended with ${joiner.exitCode}; its log is ${joiner.logFile}`);
    if (performance.now() - started > 2 * patienceMs)
      throw new Error(`${joiner.id} has no vote after ${(2 * patienceMs) / 1000} s; its log is ${joiner.logFile}`);
    await sleep(100);
  }
}

/** A follower's own copy comes after the leader's; it has to come. */
async function convergedLocally(node, compare) {
  const started = performance.now();
  for (;;)
    try {
      return await compare(node, '?consistency=stale');
    } catch (error) {
      if (performance.now() - started > patienceMs) throw error;
      await sleep(100);
    }
}

async function patiently(ask) {
  const started = performance.now();
  for (;;) {
    const response = await ask();
    if ((response !== undefined && response.status < 500) || performance.now() - started > patienceMs) return response;
    await sleep(50);
  }
}

async function request(node, path, options) {
  try {
    return await fetch(node.url + path, { ...options, signal: AbortSignal.timeout(5_000) });
  } catch {
    return undefined;
  }
}
