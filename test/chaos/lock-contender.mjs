// A node of a cluster that contends for one lock, for test/chaos/locks.e2e-spec.ts: node lock-contender.mjs SETTINGS
//
// It is told what to do, and asks the resource to take its writes, over the channel to the process that started it.
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { memoryStorage, RaftLockService, RaftModule } from 'nestjs-raft';

const { nodeId, members, lock, ttlMs, waitMs, holdMs } = JSON.parse(process.argv[2]);

class ContenderModule {}
Module({
  imports: [
    RaftModule.forRoot({
      nodeId,
      clusterName: 'locks',
      members,
      storage: memoryStorage(),
      election: { timeoutMs: 1_000, heartbeatIntervalMs: 50 },
    }),
  ],
})(ContenderModule);

const application = await NestFactory.createApplicationContext(ContenderModule, { logger: ['error', 'fatal'] });
const locks = application.get(RaftLockService);

const answers = new Map();
let asked = 0;
/** What it was told last. */
const told = { contending: false, letGo: () => Promise.resolve() };

/** Writes to the resource, without asking whether the lock is held: the token alone protects it. */
function write(contender, token) {
  const id = ++asked;
  return new Promise((resolve) => {
    answers.set(id, resolve);
    process.send({ kind: 'write', id, contender, token });
  });
}

async function queue(contender) {
  try {
    await locks.run(lock, { ttlMs, waitMs }, async ({ token }) => {
      process.send({ kind: 'served', contender, token });
      await sleep(holdMs);
    });
  } catch (error) {
    process.send({ kind: 'failed', code: error.code ?? String(error) });
  }
}

async function contend(contender) {
  while (told.contending)
    try {
      await locks.run(lock, { ttlMs, waitMs }, async ({ token }) => {
        await write(contender, token);
        await sleep(holdMs);
        await write(contender, token);
      });
      process.send({ kind: 'held' });
    } catch (error) {
      process.send({ kind: 'failed', code: error.code ?? String(error) });
    }
}

/** Holds the lock until it is told to let go. */
async function hold() {
  const held = await locks.acquire(lock, { ttlMs, waitMs });
  told.letGo = () =>
    held.release().catch((error) => process.send({ kind: 'failed', code: error.code ?? String(error) }));
}

const running = [];
async function obey(message) {
  switch (message.kind) {
    case 'hold':
      running.push(hold());
      break;
    case 'letGo':
      await told.letGo();
      break;
    case 'queue':
      running.push(queue(message.contender));
      break;
    case 'contend':
      told.contending = true;
      for (const contender of message.contenders) running.push(contend(contender));
      break;
    case 'end':
      told.contending = false;
      await Promise.all(running);
      process.send({ kind: 'ended' });
      break;
    case 'status':
      process.send({ kind: 'status', status: await locks.status(lock).catch(() => null) });
      break;
    case 'written':
      answers.get(message.id)(message.accepted);
      answers.delete(message.id);
      break;
  }
}

process.on('message', (message) => void obey(message));
process.on('disconnect', () => process.exit());
process.send({ kind: 'ready' });
