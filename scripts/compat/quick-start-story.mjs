// The quick start of the README with three real processes: they elect, replicate a command, guard a route, and fail over.
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../demo/ports.mjs';
import { root } from '../package-entries.mjs';
import { AppProcess } from './app-process.mjs';

const PATIENCE_MS = 60_000;
const MAIN_FILES = { express: 'main.js', fastify: 'main-fastify.js' };

const requireFromHere = createRequire(import.meta.url);
const { startEmbeddedPostgres } = requireFromHere(
  path.join(root, 'dist', 'apps', 'kv', 'embedded-postgres', 'index.js'),
);

export async function quickStartStory({ folder, variant, log }) {
  const postgres = await startEmbeddedPostgres({ dataDir: path.join(folder, `postgres-${variant}`), tcp: true });
  const ports = await freePorts(3);
  const nodes = ports.map(({ http, peer }, at) => ({ id: `n${at + 1}`, url: `http://127.0.0.1:${http}`, http, peer }));
  const members = nodes.map(({ id, peer, url }) => `${id}=127.0.0.1:${peer}=${url}`).join(',');
  const processes = [];
  try {
    await createDatabases(postgres.url, nodes);
    for (const { id, url, http } of nodes) {
      const env = {
        RAFT_MEMBERS: members,
        RAFT_NODE_ID: id,
        PORT: String(http),
        DATABASE_URL: urlOf(postgres.url, id),
      };
      processes.push(new AppProcess(id, url, path.join('dist', MAIN_FILES[variant]), folder, env));
    }
    for (const each of processes) each.start();
    await tell(processes, log);
  } catch (error) {
    const logs = processes.map(({ id, output }) => `--- ${id}\n${output.slice(-3_000).trim()}`);
    throw new Error([error.message, ...logs].join('\n'), { cause: error });
  } finally {
    await Promise.all(processes.map((each) => each.kill()));
    await postgres.stop();
  }
}

async function tell(processes, log) {
  const [first, , third] = processes;
  const one = await visit(first, 0);
  for (const each of processes) await has(each, one);
  const leader = await leaderAmong(processes);
  await refusesAsFollowers(processes, leader);
  log(`${leader.id} leads; a visit is on all three; the guarded route answers on ${leader.id} alone`);

  await leader.kill();
  const survivors = processes.filter((each) => each !== leader);
  const two = await visit(survivors[0], one);
  const next = await leaderAmong(survivors);
  log(`${leader.id} was killed; ${next.id} leads, and has both visits`);

  leader.start();
  for (const each of processes) await has(each, two);
  await Promise.all(processes.map((each) => each.stop()));
  log(`${leader.id} came back with both; all three stopped in order, ${third.id} among them`);
}

async function leaderAmong(processes) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    for (const each of processes) {
      const answer = await each.post('/counters/visits/report').catch(() => undefined);
      if (answer?.status === 201) return each;
    }
    if (Date.now() > deadline) throw new Error('no node took the guarded route as the leader');
    await sleep(100);
  }
}

async function refusesAsFollowers(processes, leader) {
  for (const follower of processes.filter((each) => each !== leader)) {
    const { status, body } = await follower.post('/counters/visits/report');
    if (status !== 503 || body.code !== 'RAFT_NOT_LEADER' || body.leader?.name !== leader.id)
      throw new Error(
        `${follower.id} isn't the leader, and answered the guarded route with ${status} ${JSON.stringify(body)}`,
      );
  }
}

/** Counts a visit. An attempt without an answer may have counted, too. */
async function visit(node, before) {
  const deadline = Date.now() + PATIENCE_MS;
  for (let attempts = 1; ; attempts++) {
    const { status, body } = await node.post('/counters/visits').catch(notThere);
    if (status === 201) {
      if (body.value > before && body.value <= before + attempts) return body.value;
      throw new Error(`${node.id} counted ${JSON.stringify(body)} at attempt ${attempts} after ${before} visits`);
    }
    if (Date.now() > deadline) throw new Error(`${node.id} takes no visit: ${status} ${JSON.stringify(body)}`);
    await sleep(200);
  }
}

async function has(node, visits) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const { status, body } = await node.get('/counters/visits').catch(notThere);
    if (status === 200 && body.value === visits) return;
    if (status === 200 || Date.now() > deadline)
      throw new Error(`${node.id} should have ${visits} visits, and answers ${status} ${JSON.stringify(body)}`);
    await sleep(200);
  }
}

/** An application that starts listens to nobody yet. */
function notThere(error) {
  return { status: 0, body: String(error.cause ?? error) };
}

async function createDatabases(url, nodes) {
  const { Client } = requireFromHere('pg');
  const admin = new Client({ connectionString: url });
  await admin.connect();
  try {
    for (const { id } of nodes) await admin.query(`CREATE DATABASE ${id}`);
  } finally {
    await admin.end();
  }
}

function urlOf(serverUrl, database) {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
