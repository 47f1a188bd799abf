import { RaftNode, raftNodeOptions, StateMachineHost } from 'nestjs-raft';
import { typeOrmStorage } from 'nestjs-raft/typeorm';
import { SystemScheduler } from '../../libs/raft/src/runtime/base/system-scheduler';
import { CounterMachine } from '../../libs/raft/src/nest/primitives/counter/counter.machine';
import { MapMachine } from '../../libs/raft/src/nest/primitives/map/map.machine';
import { encodeCommand } from '../../libs/raft/src/state-machine/entries/command-envelope';
import { MemoryNetwork } from '../../libs/raft/src/transport/memory';
import type { TestPostgres } from '../support/postgres';

const TABLES = ['raft_store', 'raft_group', 'raft_batch', 'raft_entry', 'raft_snapshot', 'raft_snapshot_chunk'];

/** It is always the same day, so that no session ends between the making of a store and its test. */
class OneDay extends SystemScheduler {
  override wallMs(): number {
    return 1_800_000_000_000;
  }
}

/** A node on a Postgres schema, alone in its cluster. */
export function nodeOn(url: string, schema: string): RaftNode {
  return new RaftNode(
    raftNodeOptions({
      nodeId: 'n1',
      clusterName: 'golden',
      storage: typeOrmStorage({ url, schema }),
      transport: new MemoryNetwork({ redialMs: 20 }).transport('127.0.0.1:7001'),
      stateMachine: new StateMachineHost([new CounterMachine(), new MapMachine()]),
      scheduler: new OneDay(),
      electionTimeoutMs: 300,
      heartbeatIntervalMs: 50,
    }),
  );
}

/**
 * Has this build write a store: two starts, a snapshot with a session and its answer in it, and a log after the snapshot.
 *
 * @returns its rows as SQL, with `$schema` in place of the schema's name
 */
export async function makeStore(postgres: TestPostgres, schema: string): Promise<string> {
  const first = nodeOn(postgres.url, schema);
  await first.start();
  const session = await first.openSession({ ttlMs: 86_400_000 });
  const call = { machine: 'raft.counters', command: 'add', args: ['visits', 40] };
  await first.propose(encodeCommand({ ...call, session: { clientId: session.id, sequence: 1, ackedThrough: 0 } }));
  await first.propose(encodeCommandOf('raft.maps', 'set', 'users', 'u1', { owner: 'n1', tags: ['a', 'b'] }));
  await first.snapshot();
  await first.stop();
  const second = nodeOn(postgres.url, schema);
  await second.start();
  await second.propose(encodeCommandOf('raft.counters', 'add', 'visits', 2));
  await second.stop();
  return dump(postgres, schema);
}

function encodeCommandOf(machine: string, command: string, ...args: readonly unknown[]): Uint8Array {
  return encodeCommand({ machine, command, args });
}

async function dump(postgres: TestPostgres, schema: string): Promise<string> {
  const migrations = await postgres.query(`SELECT name FROM "${schema}".raft_migrations ORDER BY id`);
  const lines = [`-- migrations: ${migrations.map(({ name }) => String(name)).join(' ')}`];
  for (const table of TABLES) {
    const rows = await postgres.query(`SELECT to_json(t) AS row FROM "${schema}".${table} t`);
    const texts = rows.map(({ row }) => `'${JSON.stringify(row).replaceAll("'", "''")}'`).toSorted();
    for (const text of texts)
      lines.push(`INSERT INTO $schema.${table} SELECT * FROM json_populate_record(NULL::$schema.${table}, ${text});`);
  }
  lines.push("SELECT setval('$schema.raft_snapshot_id', (SELECT max(id) FROM $schema.raft_snapshot));");
  return `${lines.join('\n')}\n`;
}
