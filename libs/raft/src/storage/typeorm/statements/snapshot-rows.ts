import type { DataSource } from 'typeorm';
import { configurationJson } from '../../../core/membership/configuration-codec';
import { crc32c, crc32cOfSafeInteger } from '../../../core/base/checksum';
import type { GroupId } from '../../../core/base/types';
import { type SnapshotMetadata, type StoredSnapshot, StoreCorruptError } from '../../contract';
import type { WriteGuard } from './batch-statements';
import { byteaArray, int4Array } from './binary-array';
import { copyRows } from './copy-rows';
import { toSafeInteger } from '../entities/safe-integer';
import { groupChecksum, snapshotRowChecksum, type StoredGroup } from './group-row';
import type { PinnedConnection } from '../connection/pinned-connection';
import { clientOf, cutAfter } from '../connection/postgres-client';
import { patienceOf } from '../connection/storage-options';
import { canonicalJson, summedConfiguration } from '../../state-checksum';
import { storedConfiguration } from './stored-configuration';
import type { Tables } from '../entities/tables';

/** Bytes that are gathered into one insert, and read at once: small, so that no transaction and no slice of ours is long. */
const PORTION_BYTES = 256 * 1024;
const CHUNKS_PER_READ = 16;

export interface WrittenChunks {
  readonly id: number;
  readonly chunks: number;
  readonly bytes: number;
}

/** The rows of snapshots. A snapshot counts from the moment that the group's row points at it, and not before. */
export class SnapshotRows {
  /** Snapshots that are being written or read now: the sweep leaves them alone. */
  private readonly inUse = new Map<number, number>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly tables: Tables,
  ) {}

  get idsInUse(): readonly number[] {
    return [...this.inUse.keys()];
  }

  /** Writes the chunks under a new id, portion by portion, and keeps them in use until `release`. */
  async writeChunks(chunks: AsyncIterable<Uint8Array>): Promise<WrittenChunks> {
    const queryRunner = this.dataSource.createQueryRunner('master');
    let id: number | undefined;
    try {
      const client = await clientOf(queryRunner);
      const [row] = (await client.query({ text: `SELECT nextval('${this.tables.snapshotId}')`, rowMode: 'array' }))
        .rows;
      const snapshotId = toSafeInteger(row?.[0]);
      id = snapshotId;
      this.hold(id);
      let sequence = 0;
      let bytes = 0;
      let portion: { sequence: number; data: Uint8Array }[] = [];
      let portionBytes = 0;
      const flush = async () => {
        if (portion.length === 0) return;
        await client.query({
          name: 'raft_snapshot_chunks',
          text: `INSERT INTO ${this.tables.chunk} (snapshot_id, sequence, checksum, data)
            SELECT $1::bigint, c.* FROM unnest($2::int[], $3::int[], $4::bytea[]) AS c`,
          values: [
            snapshotId,
            int4Array(portion, (chunk) => chunk.sequence),
            int4Array(portion, (chunk) => chunkChecksum(chunk.sequence, chunk.data)),
            byteaArray(portion, (chunk) => chunk.data),
          ],
          rowMode: 'array',
        });
        portion = [];
        portionBytes = 0;
      };
      for await (const data of chunks) {
        portion.push({ sequence: sequence++, data });
        bytes += data.length;
        portionBytes += data.length;
        if (portionBytes >= PORTION_BYTES) await flush();
      }
      await flush();
      return { id, chunks: sequence, bytes };
    } catch (error) {
      if (id !== undefined) this.release(id);
      throw error;
    } finally {
      await queryRunner.release();
    }
  }

  /**
   * Makes the chunks the group's snapshot, in one small write of the session that holds the lock. Its commit is behind those
   * of the chunks, which are durable with it.
   *
   * @returns whether it was ours to do
   */
  async publish(
    session: PinnedConnection,
    guard: WriteGuard,
    group: StoredGroup,
    metadata: SnapshotMetadata,
    { id, chunks, bytes }: WrittenChunks,
  ): Promise<boolean> {
    const { last, configuration, format } = metadata;
    const row = { ...group.row!, snapshotId: id };
    const stored = {
      last,
      format,
      configurationIndex: configuration.index,
      configuration: summedConfiguration(configuration.configuration),
    };
    const { store, snapshot, group: groupTable } = this.tables;
    const rows = await session.query({
      text: `WITH stored AS (
          INSERT INTO ${snapshot}
            (id, group_id, last_index, last_term, format, configuration_index, configuration, chunks, bytes, checksum)
          SELECT $3::bigint, $4::int, $5::bigint, $6::bigint, $7::int, $8::bigint, $9::jsonb, $10::int, $11::bigint, $12::int
          WHERE pg_backend_pid() = $2::int AND (SELECT epoch FROM ${store}) = $1::bigint
          RETURNING id
        )
        UPDATE ${groupTable} SET snapshot_id = stored.id, checksum = $13::int FROM stored WHERE ${groupTable}.id = $4 RETURNING 1`,
      values: [
        guard.epoch,
        guard.backendPid,
        id,
        group.id,
        last.index,
        last.term,
        format,
        configuration.index,
        configurationJson(configuration.configuration),
        chunks,
        bytes,
        snapshotRowChecksum(id, group.id, stored, chunks, bytes),
        groupChecksum(group.id, row, group.position.origin, group.generation),
      ],
      rowMode: 'array',
    });
    if (rows.length !== 1) return false;
    group.row = row;
    return true;
  }

  async read(groupId: number, group: GroupId, fromChunk: number): Promise<StoredSnapshot | undefined> {
    const queryRunner = this.dataSource.createQueryRunner('master');
    try {
      const client = await clientOf(queryRunner);
      const { readMs } = patienceOf(this.dataSource.options);
      const select = () =>
        client.query({
          text: `SELECT s.id, s.last_index, s.last_term, s.format, s.configuration_index, s.chunks, s.bytes, s.configuration::text, s.checksum,
              g.snapshot_id
            FROM ${this.tables.group} g LEFT JOIN ${this.tables.snapshot} s ON s.id = g.snapshot_id WHERE g.id = $1`,
          values: [groupId],
          rowMode: 'array',
        });
      const [row] = (await cutAfter(client, readMs, select)).rows;
      if (!row || row[9] === null) return undefined;
      if (row[0] === null)
        throw new StoreCorruptError(
          `The snapshot of group '${group}' is gone: row ${toSafeInteger(row[9])} of raft_snapshot is missing.`,
        );
      const [id, lastIndex, lastTerm, format, configurationIndex, chunkCount, sizeBytes] = row
        .slice(0, 7)
        .map(toSafeInteger) as [number, number, number, number, number, number, number];
      const text = row[7] as string;
      const last = { index: lastIndex, term: lastTerm };
      const written = { last, format, configurationIndex, configuration: canonicalJson(JSON.parse(text)) };
      if (row[8] !== snapshotRowChecksum(id, groupId, written, chunkCount, sizeBytes))
        throw new StoreCorruptError(
          `The row of the snapshot of group '${group}' isn't what was written: its checksum doesn't fit.`,
        );
      const configuration = { index: configurationIndex, configuration: storedConfiguration(group, text) };
      const metadata = { last, configuration, format };
      const chunks = { [Symbol.asyncIterator]: () => this.readChunks(id, fromChunk, chunkCount, group) };
      return { metadata, chunkCount, sizeBytes, chunks };
    } finally {
      await queryRunner.release();
    }
  }

  private async *readChunks(id: number, from: number, count: number, group: GroupId): AsyncGenerator<Uint8Array> {
    this.hold(id);
    try {
      for (let next = from; next < count; next += CHUNKS_PER_READ)
        for (const chunk of await this.readPortion(id, next, Math.min(next + CHUNKS_PER_READ, count), group))
          yield chunk;
    } finally {
      this.release(id);
    }
  }

  private async readPortion(id: number, from: number, end: number, group: GroupId): Promise<Uint8Array[]> {
    const queryRunner = this.dataSource.createQueryRunner('master');
    const portion: Uint8Array[] = [];
    try {
      const query = `SELECT sequence, checksum, data FROM ${this.tables.chunk}
        WHERE snapshot_id = ${id} AND sequence >= ${from} AND sequence < ${end} ORDER BY sequence`;
      await copyRows(await clientOf(queryRunner), query, [4, 4], (buffer, at, data) => {
        const [sequenceAt, checksumAt] = at as [number, number];
        const sequence = buffer.readInt32BE(sequenceAt);
        if (sequence !== from + portion.length || buffer.readUInt32BE(checksumAt) !== chunkChecksum(sequence, data))
          throw damaged(group, from + portion.length);
        portion.push(data);
      });
    } finally {
      await queryRunner.release();
    }
    if (portion.length !== end - from) throw damaged(group, from + portion.length);
    return portion;
  }

  private hold(id: number): void {
    this.inUse.set(id, (this.inUse.get(id) ?? 0) + 1);
  }

  release(id: number): void {
    const users = (this.inUse.get(id) ?? 1) - 1;
    if (users > 0) this.inUse.set(id, users);
    else this.inUse.delete(id);
  }
}

function chunkChecksum(sequence: number, data: Uint8Array): number {
  return crc32c(crc32cOfSafeInteger(0, sequence), data);
}

function damaged(group: GroupId, sequence: number): StoreCorruptError {
  return new StoreCorruptError(
    `Chunk ${sequence} of the snapshot of group '${group}' is missing or isn't what was written.`,
  );
}
