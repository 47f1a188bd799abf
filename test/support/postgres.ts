import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../apps/kv/src/embedded-postgres';
import { copyNewDatabase } from './postgres-template';

/** A Postgres server of a spec's own: started in `beforeAll`, gone with its files after `stop`. */
export class TestPostgres {
  private constructor(
    private readonly server: EmbeddedPostgres,
    private readonly folder: string,
    /** An administrator's connection. */
    readonly admin: Client,
  ) {}

  static async start(): Promise<TestPostgres> {
    const folder = await mkdtemp(join(tmpdir(), 'raft-postgres-'));
    const dataDir = join(folder, 'postgres');
    await copyNewDatabase(dataDir);
    const server = await startEmbeddedPostgres({ dataDir, tcp: true });
    const admin = new Client({ connectionString: server.url });
    await admin.connect();
    return new TestPostgres(server, folder, admin);
  }

  get url(): string {
    return this.server.url;
  }

  get port(): number {
    return this.server.port!;
  }

  /** Where no password is asked. */
  get socket(): string {
    return join(this.server.socketDir!, `.s.PGSQL.${this.port}`);
  }

  get password(): string {
    return new URL(this.server.url).password;
  }

  /** The address of the same database through something that listens on another port. */
  urlThrough(port: number): string {
    const url = new URL(this.server.url);
    url.port = String(port);
    return url.href;
  }

  /** Asks as administrator. */
  async query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.admin.query<Record<string, unknown>>(text, values)).rows;
  }

  async stop(): Promise<void> {
    await this.admin.end();
    await this.server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
