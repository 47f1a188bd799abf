import type { Readable } from 'node:stream';
import { to as copyTo } from 'pg-copy-streams';
import type { DataSource, QueryRunner } from 'typeorm';
import type { SnapshotSource } from '../contract';
import type { TablesCatalog } from './catalog';
import { type TablesPosition, TEXT_SETTINGS } from './state-row';
import { encodeHead, TABLE_NUMBER_BYTES } from './tables-snapshot-format';

/** Room for the table's number in front, so that a frame holds a chunk. */
const CHUNK_BYTES = 32 * 1024;

/** A view of the tables as they were at one command, read row by row while commands go on. */
export class TablesCapture implements SnapshotSource {
  private released = false;

  private constructor(
    private readonly queryRunner: QueryRunner,
    private readonly catalog: TablesCatalog,
    private readonly position: TablesPosition,
  ) {}

  /** Called when nothing is being applied: what is committed now is the state of `position`. */
  static async begin(dataSource: DataSource, catalog: TablesCatalog, position: TablesPosition): Promise<TablesCapture> {
    const queryRunner = dataSource.createQueryRunner('master');
    try {
      for (const setting of TEXT_SETTINGS) await queryRunner.query(setting);
      await queryRunner.startTransaction('REPEATABLE READ');
      // The view is taken by the first statement, not by BEGIN.
      await queryRunner.query('SELECT pg_current_snapshot()');
      return new TablesCapture(queryRunner, catalog, position);
    } catch (error) {
      await queryRunner.release().catch(() => undefined);
      throw error;
    }
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const { tables, shape } = this.catalog;
    const { sequences, hash, maintained } = this.position;
    const own = tables.map(({ name, columns }) => ({ name, columns }));
    yield encodeHead({ tables: own, sequences, hash, shape, maintained });
    for (const [number, { path, columns }] of tables.entries())
      for await (const rows of this.copy(`COPY (SELECT ${columns.join(', ')} FROM ONLY ${path}) TO STDOUT`))
        yield* chunksOf(number, rows);
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    // A COPY that was left in the middle ends with its connection.
    this.queryRunner
      .rollbackTransaction()
      .then(
        () => this.queryRunner.release(),
        () => this.queryRunner.release(),
      )
      .catch(() => undefined);
  }

  private async *copy(text: string): AsyncGenerator<Buffer, void, undefined> {
    const client = (await this.queryRunner.connect()) as { query<S extends Readable>(stream: S): S };
    const stream = client.query(copyTo(text));
    try {
      for await (const data of stream) yield data as Buffer;
    } finally {
      stream.destroy();
    }
  }
}

function* chunksOf(table: number, rows: Buffer): Generator<Uint8Array, void, undefined> {
  for (let from = 0; from < rows.length; from += CHUNK_BYTES) {
    const part = rows.subarray(from, from + CHUNK_BYTES);
    const chunk = Buffer.allocUnsafe(TABLE_NUMBER_BYTES + part.length);
    chunk.writeUInt16BE(table, 0);
    chunk.set(part, TABLE_NUMBER_BYTES);
    yield chunk;
  }
}
