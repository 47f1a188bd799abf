import { randomBytes } from 'node:crypto';
import { DEFAULT_GROUP, makeEntry } from 'nestjs-raft/core';
import { typeOrmStorage } from 'nestjs-raft/typeorm';
import { startEmbeddedPostgres } from '../../../apps/kv/src/embedded-postgres';
import { encodeCommand, stampCommandTime } from '../../../libs/raft/src/state-machine/entries/command-envelope';
import type { KvNode } from '../kv/kv-node';

const BATCH_ENTRIES = 10_000;

export interface LongLog {
  /** How many entries are appended. */
  readonly entries: number;
  /** Of each entry's data. */
  readonly bytes: number;
  /** How many different keys they write, in turn. */
  readonly keys: number;
}

export const keyOfEntry = (at: number, { keys }: LongLog): string => `/long/${String(at % keys).padStart(7, '0')}`;
export const valueOfEntry = (at: number): string => JSON.stringify({ entry: at });

/**
 * Appends committed commands to the log of a node that was stopped, straight into its Postgres, as the node's own storage
 * would: some hundred thousand a second, where the cluster would take minutes.
 */
export async function appendLongLog(node: KvNode, log: LongLog): Promise<void> {
  const postgres = await startEmbeddedPostgres({ dataDir: node.postgresDir });
  const storage = typeOrmStorage({ url: postgres.url });
  try {
    const nonce = () => randomBytes(16).toString('hex');
    await storage.open({ nodeName: node.id, newIncarnation: nonce(), bootNonce: nonce() });
    const group = await storage.load(DEFAULT_GROUP);
    if (group === undefined) throw new Error(`${node.id} has no log`);
    const { term } = group.hardState;
    const nowMs = Date.now();
    let index = group.lastIndex;
    let number = group.lastBatch;
    for (let at = 0; at < log.entries;) {
      const entries = [];
      for (const end = Math.min(log.entries, at + BATCH_ENTRIES); at < end; at++)
        entries.push(makeEntry(++index, term, { kind: 'command', schemaVersion: 0, data: command(at, log, nowMs) }));
      await storage.persist([{ group: DEFAULT_GROUP, number: ++number, commitIndex: index, entries }]);
    }
  } finally {
    await storage.close();
    await postgres.stop();
  }
}

/** A put of the sample app, its JSON filled up with white space to the asked size. */
function command(at: number, log: LongLog, timeMs: number): Uint8Array {
  const encode = (padding: number) =>
    encodeCommand({
      machine: 'key-value',
      command: 'put',
      args: [keyOfEntry(at, log), valueOfEntry(at) + ' '.repeat(padding)],
    });
  const data = encode(log.bytes - encode(0).length);
  stampCommandTime(data, timeMs);
  return data;
}
