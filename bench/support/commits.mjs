// How many transactions a node's Postgres has committed.
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { Client } = createRequire(new URL('../../apps/kv/package.json', import.meta.url))('pg');

/** Backends report their counts once a second at the most. */
const reportingMs = 1_500;

/** @param {import('../../scripts/demo/node-process.mjs').NodeProcess} node */
export async function committedTransactions(node) {
  await sleep(reportingMs);
  const client = new Client({ host: path.join(node.dataDir, 'postgres.socket'), user: 'postgres', database: 'raft' });
  await client.connect();
  try {
    const { rows } = await client.query('SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()');
    return Number(rows[0].xact_commit);
  } finally {
    await client.end();
  }
}
