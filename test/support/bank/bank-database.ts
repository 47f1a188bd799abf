import { existsSync } from 'node:fs';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../apps/kv/src/embedded-postgres';
import { killEmbeddedPostgres } from '../../../apps/kv/src/embedded-postgres/kill-embedded-postgres';
import { copyNewDatabase } from '../postgres-template';

const LOG_DATABASE = 'raft_log';

/** A Postgres server that is killed and started again, at the same address. */
export class BankDatabase {
  private server: EmbeddedPostgres | undefined;
  private port: number | undefined;

  constructor(readonly dataDir: string) {}

  async start(): Promise<void> {
    // The one that was killed is gone; its owner's lock isn't.
    await this.server?.stop();
    if (!existsSync(this.dataDir)) await copyNewDatabase(this.dataDir);
    this.server = await startEmbeddedPostgres({ dataDir: this.dataDir, tcp: true, port: this.port });
    this.port = this.server.port;
  }

  /** SIGKILL of all its processes within this turn of the event loop. */
  killNow(): void {
    if (existsSync(this.dataDir)) killEmbeddedPostgres(this.dataDir);
  }

  async stop(): Promise<void> {
    await this.server?.stop();
    this.server = undefined;
  }

  get url(): string {
    if (this.server === undefined) throw new Error(`The database in ${this.dataDir} was never started`);
    return this.server.url;
  }

  get pid(): number {
    if (this.server === undefined) throw new Error(`The database in ${this.dataDir} was never started`);
    return this.server.pid;
  }

  /** Makes another database on the same server. @returns its address */
  async withLogDatabase(): Promise<string> {
    await this.query(`CREATE DATABASE ${LOG_DATABASE}`);
    const url = new URL(this.url);
    url.pathname = `/${LOG_DATABASE}`;
    return url.href;
  }

  /** What its sessions do, for people. */
  async activity(): Promise<string> {
    try {
      const rows = await this.query(
        `SELECT pid, datname, state, wait_event_type, wait_event, pg_blocking_pids(pid) AS blocked_by, left(query, 120) AS query
         FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'`,
      );
      return rows.map((row) => `    ${JSON.stringify(row)}`).join('\n');
    } catch (error) {
      return `    ${String(error)}`;
    }
  }

  async query<Row extends object>(text: string): Promise<readonly Row[]> {
    const client = new Client({ connectionString: this.url });
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }
}
