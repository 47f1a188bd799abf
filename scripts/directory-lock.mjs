// A lock between processes: the process that makes the directory holds it. It outlives no holder, however that one ended.
import { mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const refreshMs = 1_000;
const staleAfterMs = 20_000;
const pollMs = 100;
const sayWaitingAfterMs = 2_000;

/**
 * Runs `work` while no other process holds the lock at `directory`; waits for its turn as long as the holder lives.
 *
 * @param {string} directory made while the lock is held, removed afterwards
 * @param {(line: string) => void} log told once if there is a wait of more than two seconds
 * @param {() => Promise<T>} work
 * @returns {Promise<T>} what `work` resolves with
 * @template T
 */
export async function withLock(directory, log, work) {
  await acquire(directory, log);
  const refresh = setInterval(() => {
    const now = new Date();
    utimes(directory, now, now).catch(() => undefined);
  }, refreshMs);
  refresh.unref();
  try {
    return await work();
  } finally {
    clearInterval(refresh);
    await rm(directory, { recursive: true, force: true });
  }
}

async function acquire(directory, log) {
  await mkdir(path.dirname(directory), { recursive: true });
  const started = Date.now();
  let saidWaiting = false;
  while (!(await make(directory))) {
    if (await isStale(directory)) {
      await breakLock(directory);
      continue;
    }
    if (!saidWaiting && Date.now() - started > sayWaitingAfterMs) {
      saidWaiting = true;
      log(`Waiting for another process that holds ${path.relative(process.cwd(), directory)} …`);
    }
    await sleep(pollMs);
  }
  await writeFile(path.join(directory, 'owner.json'), JSON.stringify({ pid: process.pid, host: os.hostname() }));
}

async function make(directory) {
  try {
    await mkdir(directory);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(directory) {
  const found = await stat(directory).catch(() => undefined);
  if (!found) return false;
  if (Date.now() - found.mtimeMs > staleAfterMs) return true;
  const owner = await readFile(path.join(directory, 'owner.json'), 'utf8')
    .then((text) => JSON.parse(text))
    .catch(() => undefined);
  return owner !== undefined && owner.host === os.hostname() && !isAlive(owner.pid);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Only one process at a time may break a lock, and it looks again first: else it could remove its successor's fresh one. */
async function breakLock(directory) {
  const breaker = `${directory}.breaker`;
  if (!(await make(breaker))) {
    const found = await stat(breaker).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > staleAfterMs) await rm(breaker, { recursive: true, force: true });
    await sleep(pollMs);
    return;
  }
  try {
    if (await isStale(directory)) await rm(directory, { recursive: true, force: true });
  } finally {
    await rm(breaker, { recursive: true, force: true });
  }
}
