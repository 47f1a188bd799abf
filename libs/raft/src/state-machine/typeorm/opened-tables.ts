import type { DataSource } from 'typeorm';
import { crc32c } from '../../core/base/checksum';
import type { BackedMachine } from '../declare/backing';
import { readCatalog, type TablesCatalog } from './catalog';
import { KeptOutcomes } from './kept-outcomes';
import { MistakeRecord } from './mistake-record';
import { makeOwnSchema } from './own-schema';
import { elapsedMs } from './patience';
import { PlainResults } from './plain-result';
import { RefusedWrites } from './refused-writes';
import { readSchemaHash, schemaMark } from './schema-hash';
import { filledColumns } from './seeded-columns';
import type { OwnNames } from './sql-names';
import { StateRow } from './state-row';
import { makeTriggers } from './table-triggers';
import { connectTables } from './tables-connection';
import type { TablesSettings } from './tables-options';

/** What was read of the schema, and what depends on it. */
export interface ReadSchema {
  readonly catalog: TablesCatalog;
  readonly row: StateRow;
  /** A short form of the catalog's. */
  readonly shape: string;
  /** Of all that commands see of the schema. */
  readonly schemaHash: string;
}

/** So often at most the schema is looked at without a cause. */
const LOOK_EVERY_MS = 1000;

/** The tables of one machine, looked at and found fit. */
export class OpenedTables {
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  /** The schema's hash when it was looked at last, since it was read. */
  private seen: string | undefined;
  private isChanged = false;

  private constructor(
    readonly dataSource: DataSource,
    readonly outcomes: KeptOutcomes,
    readonly mistakes: MistakeRecord,
    readonly results: PlainResults,
    readonly refusedWrites: RefusedWrites | undefined,
    public schema: ReadSchema,
    private readonly ownSchema: string,
    private readonly read: () => Promise<ReadSchema>,
  ) {}

  /** @throws RaftError `RAFT_CONFIGURATION` they can't be replicated */
  static async open(machine: BackedMachine, settings: TablesSettings, names: OwnNames): Promise<OpenedTables> {
    const dataSource = await connectTables(machine, settings);
    const read = (): Promise<ReadSchema> => readSchema(dataSource, machine.name, settings, names);
    const named = settings.dataSource;
    try {
      return new OpenedTables(
        dataSource,
        new KeptOutcomes(machine.name, names),
        new MistakeRecord(machine.name, names),
        new PlainResults(dataSource),
        named === undefined ? undefined : RefusedWrites.listenTo(machine.dataSource(named)),
        await read(),
        names.schema,
        read,
      );
    } catch (error) {
      await dataSource.destroy();
      throw error;
    }
  }

  /** The hash of the schema, as of a moment ago; looked at again now and then, as a migration may come while the node runs. */
  get schemaHash(): string {
    if (elapsedMs() - this.lookedAtMs >= LOOK_EVERY_MS) {
      this.lookedAtMs = elapsedMs();
      // A database that doesn't answer is met, and told of, by what applies commands.
      this.look().catch(() => undefined);
    }
    return this.seen ?? this.schema.schemaHash;
  }

  /** Commands have met another schema. */
  changed(): void {
    this.isChanged = true;
  }

  /** @returns the hash of the schema as it is now */
  async look(): Promise<string> {
    const oids = this.schema.catalog.tables.map(({ oid }) => oid);
    this.seen = await readSchemaHash(this.dataSource, oids, this.ownSchema);
    return this.seen;
  }

  /**
   * Reads the schema again where it was changed.
   *
   * @returns whether it was
   * @throws RaftError `RAFT_CONFIGURATION` the tables can no longer be replicated
   */
  async follow(): Promise<boolean> {
    const { schema, seen } = this;
    if (!this.isChanged && (seen === undefined || seen === schema.schemaHash)) return false;
    // What is another concerns commands, and nothing that was read of the tables themselves.
    const isRead = !this.isChanged && (await this.mark()) === schema.catalog.mark;
    this.schema = isRead ? { ...schema, schemaHash: seen! } : await this.read();
    if (this.seen === seen) this.seen = undefined;
    this.isChanged = false;
    return true;
  }

  private async mark(): Promise<string> {
    const oids = this.schema.catalog.tables.map(({ oid }) => oid);
    const [row] = await this.dataSource.query<{ readonly mark: string }[]>(`SELECT ${schemaMark(oids)} AS mark`);
    return row!.mark;
  }

  async close(): Promise<void> {
    this.refusedWrites?.stop();
    await this.dataSource.destroy().catch(() => undefined);
  }
}

async function readSchema(
  dataSource: DataSource,
  machine: string,
  settings: TablesSettings,
  names: OwnNames,
): Promise<ReadSchema> {
  const queryRunner = dataSource.createQueryRunner('master');
  try {
    await makeOwnSchema(queryRunner, names);
    const catalog = await readCatalog(dataSource, queryRunner, settings, filledColumns(dataSource));
    await makeTriggers(queryRunner, catalog.tables, names);
    const oids = catalog.tables.map(({ oid }) => oid);
    return {
      catalog,
      row: new StateRow(machine, names, catalog),
      shape: String(crc32c(0, Buffer.from(catalog.shape, 'utf8'))),
      schemaHash: await readSchemaHash(queryRunner, oids, names.schema),
    };
  } finally {
    await queryRunner.release();
  }
}
