import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { QueryRunner } from 'typeorm';
import { MalformedBytesError } from '../codec/codec-errors';
import type { TablesCatalog } from './catalog';
import type { ReplicatedTable } from './replicated-table';
import { quoted, WRITER } from './sql-names';
import { sqlStateOf } from './sql-error';
import { switchable, switchTriggers } from './table-triggers';
import { decodeHead, TABLE_NUMBER_BYTES, type TablesHead } from './tables-snapshot-format';

const NOT_PERMITTED = '42501';

/**
 * Replaces the content of the tables, in the transaction that is open: readers see all of it or nothing. Rows are deleted, not
 * truncated, so that a reader meanwhile is neither kept waiting nor sees empty tables.
 *
 * @returns what the snapshot says of sequences and hash
 */
export async function restoreTables(
  queryRunner: QueryRunner,
  catalog: TablesCatalog,
  chunks: AsyncIterable<Uint8Array>,
): Promise<TablesHead> {
  const { tables, deferred } = catalog;
  const reader = chunks[Symbol.asyncIterator]();
  const first = await reader.next();
  const head = first.done === true ? EMPTY : decodeHead(first.value);
  const targets = head.tables.map(({ name, columns }) => targetOf(catalog, name, columns));
  await queryRunner.query(`SET LOCAL ${WRITER} = 'restore'`);
  const triggers = (await isTakenAsReplica(queryRunner)) ? [] : await switchable(queryRunner, tables);
  if (deferred.length > 0) await queryRunner.query('SET CONSTRAINTS ALL DEFERRED');
  for (const text of switchTriggers(triggers, 'DISABLE')) await queryRunner.query(text);
  for (const { path } of [...tables].reverse()) await queryRunner.query(`DELETE FROM ${path}`);
  await copyRows(queryRunner, targets, reader);
  if (deferred.length > 0) await queryRunner.query('SET CONSTRAINTS ALL IMMEDIATE');
  for (const text of switchTriggers(triggers, 'ENABLE')) await queryRunner.query(text);
  return head;
}

/**
 * Says that rows come from another node, where they were checked and what their triggers do was done: a look at every row that
 * refers to each row that is deleted can take longer than everything else. It takes a right that not every role has; without
 * it, foreign keys are looked at, and triggers are switched off.
 */
async function isTakenAsReplica(queryRunner: QueryRunner): Promise<boolean> {
  await queryRunner.query('SAVEPOINT nestjs_raft_replica');
  try {
    await queryRunner.query(`SET LOCAL session_replication_role = 'replica'`);
    await queryRunner.query('RELEASE SAVEPOINT nestjs_raft_replica');
    return true;
  } catch (error) {
    if (sqlStateOf(error) !== NOT_PERMITTED) throw error;
    await queryRunner.query('ROLLBACK TO SAVEPOINT nestjs_raft_replica');
    return false;
  }
}

function targetOf({ tables }: TablesCatalog, name: string, columns: readonly string[]): string {
  const table: ReplicatedTable | undefined = tables.find((each) => each.name === name);
  const missing = table === undefined ? [] : columns.filter((column) => !table.columns.includes(column));
  if (table === undefined || missing.length > 0)
    throw new Error(
      `The snapshot has ${table === undefined ? `the table ${quoted(name)}` : `${name}.${missing.join(', ')}`}, which this node's database hasn't: ` +
        'run the migrations of the version that the others run, and start the node again.',
    );
  return `COPY ${table.path} (${columns.join(', ')}) FROM STDIN`;
}

/** Of a snapshot that knows nothing of these tables. */
const EMPTY: TablesHead = { tables: [], sequences: [], hash: '0', shape: '', maintained: 0 };

/** One COPY a table, fed as fast as the database takes it. */
async function copyRows(
  queryRunner: QueryRunner,
  targets: readonly string[],
  reader: AsyncIterator<Uint8Array>,
): Promise<void> {
  const client = (await queryRunner.connect()) as { query<S extends Writable>(stream: S): S };
  let at = -1;
  let copy: Copy | undefined;
  try {
    for (let step = await reader.next(); step.done !== true; step = await reader.next()) {
      const chunk = Buffer.from(step.value.buffer, step.value.byteOffset, step.value.byteLength);
      const table = chunk.length < TABLE_NUMBER_BYTES ? -1 : chunk.readUInt16BE(0);
      const target = targets[table];
      if (target === undefined || table < at) throw new MalformedBytesError('A snapshot of tables is out of order');
      if (table !== at) {
        await copy?.end();
        copy = new Copy(client.query(copyFrom(target)));
        at = table;
      }
      await copy!.write(chunk.subarray(TABLE_NUMBER_BYTES));
    }
    await copy?.end();
  } catch (error) {
    copy?.abort();
    throw error;
  }
}

class Copy {
  private failure: Error | undefined;
  private readonly done: Promise<void>;

  constructor(private readonly stream: Writable) {
    this.done = finished(stream);
    this.done.catch((error: Error) => {
      this.failure = error;
    });
  }

  /** Resolves when there is room for more. Nothing of a write outlasts it: there are as many as the snapshot has chunks. */
  async write(bytes: Buffer): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    if (this.stream.write(bytes)) return;
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        this.stream.off('drain', settle).off('error', settle).off('close', settle);
        if (error === undefined) resolve();
        else reject(error);
      };
      this.stream.on('drain', settle).on('error', settle).on('close', settle);
    });
  }

  async end(): Promise<void> {
    this.stream.end();
    await this.done;
  }

  abort(): void {
    this.stream.destroy();
  }
}
