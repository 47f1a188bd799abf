import type { DataSource } from 'typeorm';
import type { SnapshotRows } from './snapshot-rows';
import { clientOf, type PostgresClient, type StatementCall } from '../connection/postgres-client';
import type { Tables } from '../entities/tables';

/** Rows of one delete: a few milliseconds, so that the disk is never kept from the log for long. */
const PORTION_ROWS = 2_000;
const PORTION_CHUNKS = 16;
/** Batches that stay, for people who look into the table; the last one must. */
const BATCHES_KEPT = 128;

/**
 * Deletes what no longer counts: entries before a log's origin or of an earlier generation, old batches, the chunks of
 * replaced or unfinished snapshots. Always in small portions, on a connection that no write waits for, and always by what
 * the tables say at that moment, so that it is harmless, whichever process runs it and however late.
 */
export class Sweep {
  private running: Promise<void> | undefined;
  private asked = false;
  private stopped = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly tables: Tables,
    private readonly snapshots: SnapshotRows,
  ) {}

  /** Starts one in the background, or has the one that runs go round once more. */
  start(): void {
    if (this.stopped) return;
    this.asked = true;
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
  }

  /** Resolves when nothing is left to sweep; for tests. */
  async settled(): Promise<void> {
    while (this.running) await this.running;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.settled();
  }

  private async run(): Promise<void> {
    const queryRunner = this.dataSource.createQueryRunner('master');
    try {
      const client = await clientOf(queryRunner);
      while (this.asked && !this.stopped) {
        this.asked = false;
        const groups = await client.query({ text: `SELECT id FROM ${this.tables.group}`, rowMode: 'array' });
        for (const [id] of groups.rows as [number][]) {
          await this.sweepEntries(client, id);
          await this.sweepBatches(client, id);
        }
        await this.sweepSnapshots(client);
      }
    } catch {
      // What is left stays where it does no harm, until the next sweep.
    } finally {
      await queryRunner.release().catch(() => undefined);
    }
  }

  /** Goes on from the last deleted row: index entries of rows that were just deleted would be passed again and again. */
  private async sweepEntries(client: PostgresClient, group: number): Promise<void> {
    const { entry, group: groups } = this.tables;
    let after: readonly [string | number, string | number] = [-1, 0];
    while (!this.stopped) {
      const [last] = (
        await client.query({
          name: 'raft_sweep_entries',
          text: `WITH doomed AS (
              SELECT e.generation, e.index FROM ${groups} g JOIN ${entry} e ON e.group_id = g.id
              WHERE g.id = $1::int AND e.group_id = $1 AND (e.generation, e.index) <= (g.generation, g.origin_index)
                AND (e.generation, e.index) > ($2::int, $3::bigint)
              ORDER BY e.generation, e.index LIMIT ${PORTION_ROWS}
            ), gone AS (
              DELETE FROM ${entry} e USING doomed d
              WHERE e.group_id = $1 AND e.generation = d.generation AND e.index = d.index
            )
            SELECT generation, index FROM doomed ORDER BY generation DESC, index DESC LIMIT 1`,
          values: [group, ...after],
          rowMode: 'array',
        })
      ).rows as [number, string][];
      if (!last) return;
      after = last;
    }
  }

  private async sweepBatches(client: PostgresClient, group: number): Promise<void> {
    const { batch } = this.tables;
    const [range] = (
      await client.query({
        text: `SELECT min(number), max(number) FROM ${batch} WHERE group_id = $1`,
        values: [group],
        rowMode: 'array',
      })
    ).rows;
    const end = Number(range?.[1]) - BATCHES_KEPT;
    for (let from = Number(range?.[0]); from < end && !this.stopped; from += PORTION_ROWS)
      await client.query({
        text: `DELETE FROM ${batch} WHERE group_id = $1 AND number >= $2 AND number < $3`,
        values: [group, from, Math.min(from + PORTION_ROWS, end)],
        rowMode: 'array',
      });
  }

  /** Rows of the snapshot table go first: a snapshot that lost its first chunk must not look whole. */
  private async sweepSnapshots(client: PostgresClient): Promise<void> {
    const { chunk, snapshot, group } = this.tables;
    const kept = () => `{${this.snapshots.idsInUse.join(',')}}`;
    const pointedAt = `SELECT snapshot_id FROM ${group} WHERE snapshot_id IS NOT NULL`;
    await client.query({
      text: `DELETE FROM ${snapshot} WHERE id NOT IN (${pointedAt}) AND id <> ALL ($1::bigint[])`,
      values: [kept()],
      rowMode: 'array',
    });
    const portion: () => StatementCall = () => ({
      name: 'raft_sweep_chunks',
      text: `DELETE FROM ${chunk} WHERE (snapshot_id, sequence) IN (
          SELECT snapshot_id, sequence FROM ${chunk}
          WHERE snapshot_id NOT IN (${pointedAt}) AND snapshot_id <> ALL ($1::bigint[])
          LIMIT ${PORTION_CHUNKS})`,
      values: [kept()],
      rowMode: 'array',
    });
    while (!this.stopped && ((await client.query(portion())).rowCount ?? 0) > 0);
  }
}
