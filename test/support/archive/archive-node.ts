import type { RaftStatus } from 'nestjs-raft';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../apps/kv/src/embedded-postgres';
import { killEmbeddedPostgres } from '../../../apps/kv/src/embedded-postgres/kill-embedded-postgres';
import { copyNewDatabase } from '../postgres-template';
import { AppProcess } from '../kv/app-process';
import { type Answer, type HttpClient, NoAnswerError } from '../http-client';
import { VITALS_HOOK } from '../kv/vitals';
import type { ArchiveAppSettings } from './archive-app';
import { VIEW, type View } from './archive-entities';

const STATUS_TIMEOUT_MS = 5_000;

/** What is in a node's tables, all of it. */
export interface ArchiveContent {
  readonly documents: string;
  readonly rest: string;
}

/** One node of the archive under test: a process, and its Postgres. */
export class ArchiveNode extends AppProcess {
  private constructor(
    readonly settings: ArchiveAppSettings,
    /** The working directory of its process. */
    readonly directory: string,
    private readonly database: EmbeddedPostgres,
    main: string,
    private readonly http: HttpClient,
  ) {
    super({ logFile: path.join(directory, `${settings.id}.log`), main, require: [VITALS_HOOK], cwd: directory });
  }

  /** Starts the node's database. */
  static async make(
    settings: Omit<ArchiveAppSettings, 'databaseUrl'>,
    directory: string,
    main: string,
    http: HttpClient,
  ): Promise<ArchiveNode> {
    const dataDir = postgresOf(directory, settings.id);
    if (!existsSync(dataDir)) await copyNewDatabase(dataDir);
    const database = await startEmbeddedPostgres({ dataDir, tcp: true });
    return new ArchiveNode({ ...settings, databaseUrl: database.url }, directory, database, main, http);
  }

  /** SIGKILL of its Postgres, which may be there though the node never was. */
  static killDatabaseNow(directory: string, id: string): void {
    const dataDir = postgresOf(directory, id);
    if (existsSync(dataDir)) killEmbeddedPostgres(dataDir);
  }

  get id(): string {
    return this.settings.id;
  }

  start(): void {
    this.launch({ NODE_ENV: 'production', ARCHIVE_APP: JSON.stringify(this.settings) });
  }

  async closeDatabase(): Promise<void> {
    await this.database.stop();
  }

  send(where: string, method = 'GET', timeoutMs = 150_000): Promise<Answer> {
    return this.http.send(`http://127.0.0.1:${this.settings.httpPort}/${where}`, { method, timeoutMs });
  }

  async post<T>(where: string, timeoutMs?: number): Promise<T> {
    const { status, body } = await this.send(where, 'POST', timeoutMs);
    if (status !== 201) throw new Error(`${this.id} answers POST ${where} with ${status} ${body}`);
    return (body === '' ? undefined : JSON.parse(body)) as T;
  }

  /** @returns undefined where the node doesn't answer */
  async status(): Promise<RaftStatus | undefined> {
    return this.get<RaftStatus>('status');
  }

  /** As the product's own stale read sees the tables. @returns undefined where the node doesn't answer */
  async view(): Promise<View | undefined> {
    return this.get<View>('view');
  }

  /** As somebody sees the tables who reads past the node. @returns undefined where there are none */
  async tables(client: Client): Promise<View | undefined> {
    try {
      return (await client.query<View>(VIEW)).rows[0];
    } catch (error) {
      if ((error as { code?: unknown }).code === '42P01') return undefined;
      throw error;
    }
  }

  async connect(): Promise<Client> {
    const client = new Client({ connectionString: this.settings.databaseUrl });
    await client.connect();
    return client;
  }

  async content(): Promise<ArchiveContent> {
    const client = await this.connect();
    try {
      const sums = (table: string): string =>
        `(SELECT count(*) || ' ' || coalesce(sum(hashtextextended(r::text, 0)::numeric), 0) FROM ${table} AS r)`;
      const { rows } = await client.query<ArchiveContent>(
        `SELECT ${sums('document')} AS documents, ${['account', 'transfer', 'marker'].map(sums).join(` || ' ' || `)} || ' ' ||
           (SELECT last_value || ' ' || is_called FROM transfer_id_seq) AS rest`,
      );
      return rows[0]!;
    } finally {
      await client.end();
    }
  }

  private async get<T>(where: string): Promise<T | undefined> {
    try {
      const { status, body } = await this.send(where, 'GET', STATUS_TIMEOUT_MS);
      return status === 200 ? (JSON.parse(body) as T) : undefined;
    } catch (error) {
      if (error instanceof NoAnswerError) return undefined;
      throw error;
    }
  }
}

function postgresOf(directory: string, id: string): string {
  return path.join(directory, id, 'postgres');
}
