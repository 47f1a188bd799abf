import type { RaftStorage } from '../../libs/raft/src/storage/contract';
import { TypeOrmStorage, typeOrmStorage } from '../../libs/raft/src/storage/typeorm';
import type { StorageUnderTest } from '../../libs/raft/src/testing/storage-conformance';
import type { TestPostgres } from '../support/postgres';
import { PostgresProxy } from '../support/postgres-proxy';

let schemas = 0;

/** Stores of one schema, each behind a wire of its own that can be cut. */
export class StoresOfOneSchema {
  readonly schema = `case_${++schemas}`;
  private readonly wires = new Map<RaftStorage, PostgresProxy>();

  constructor(readonly postgres: TestPostgres) {}

  async another({ lockWaitMs = 200, connectTimeoutMS = 5000 } = {}): Promise<TypeOrmStorage> {
    const wire = await PostgresProxy.start(this.postgres.port);
    const url = this.postgres.urlThrough(wire.port);
    const dataSourceOptions = { type: 'postgres', url, connectTimeoutMS } as const;
    const storage = typeOrmStorage({ dataSourceOptions, schema: this.schema, lockWaitMs });
    this.wires.set(storage, wire);
    return storage;
  }

  wireOf(storage: RaftStorage): PostgresProxy {
    const wire = this.wires.get(storage);
    if (!wire) throw new Error('This storage is from elsewhere');
    return wire;
  }

  /** Cuts every connection of one owner, and waits until Postgres has noticed, as it does when a process is killed. */
  async kill(storage: RaftStorage): Promise<void> {
    this.wireOf(storage).cutAll();
    await this.untilUnlocked();
  }

  async untilUnlocked(): Promise<void> {
    for (;;) {
      const [row] = await this.postgres.query(
        `SELECT count(*)::int AS holders FROM pg_locks
         WHERE locktype = 'advisory' AND granted
           AND (classid::bigint << 32 | objid::bigint) = hashtextextended($1::text, 0)`,
        [`nestjs-raft store ${this.schema}`],
      );
      if (row?.holders === 0) return;
    }
  }

  /** Asks with `$schema` in place of the schema's name. */
  async query(text: string): Promise<Record<string, unknown>[]> {
    return this.postgres.query(text.replaceAll('$schema', `"${this.schema}"`));
  }

  async dispose(): Promise<void> {
    for (const [storage, wire] of this.wires) {
      await storage.close();
      await wire.stop();
    }
    await this.query('DROP SCHEMA IF EXISTS $schema CASCADE');
  }
}

const DAMAGE = {
  kind: 'UPDATE $schema.raft_entry SET kind = 77',
  format: 'UPDATE $schema.raft_entry SET format = 99',
  data: 'UPDATE $schema.raft_entry SET data = set_byte(data, 5, (get_byte(data, 5) + 1) % 256)',
  missing: 'DELETE FROM $schema.raft_entry',
};

const CURRENT_SNAPSHOT = "(SELECT snapshot_id FROM $schema.raft_group WHERE name = 'alpha')";

export const STATE_DAMAGE = {
  vote: "UPDATE $schema.raft_group SET voted_for = voted_for # 2 WHERE name = 'alpha'",
  commit:
    'UPDATE $schema.raft_batch SET commit_index = commit_index # 1 WHERE number = (SELECT max(number) FROM $schema.raft_batch)',
  configuration:
    "UPDATE $schema.raft_group SET configuration = jsonb_set(configuration, '{voters}', '[2]') WHERE name = 'alpha'",
  snapshot: `DELETE FROM $schema.raft_snapshot WHERE id = ${CURRENT_SNAPSHOT}`,
  chunk: `DELETE FROM $schema.raft_snapshot_chunk WHERE sequence = 3 AND snapshot_id = ${CURRENT_SNAPSHOT}`,
};

/** The conformance suite's harness for Postgres. */
export async function postgresUnderTest(postgres: TestPostgres): Promise<StorageUnderTest> {
  const stores = new StoresOfOneSchema(postgres);
  return {
    storage: await stores.another(),
    another: () => stores.another(),
    kill: (storage) => stores.kill(storage),
    failNextPersist: (storage, landed) => stores.wireOf(storage).onNextWrite(landed ? 'after' : 'before'),
    damage: async (index, what) => {
      await stores.query(`${DAMAGE[what]} WHERE index = ${index}`);
    },
    damageState: async (what) => {
      await stores.query(STATE_DAMAGE[what]);
    },
    dispose: () => stores.dispose(),
  };
}
