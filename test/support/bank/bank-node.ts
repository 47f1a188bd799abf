import type { RaftStatus } from 'nestjs-raft';
import path from 'node:path';
import { AppProcess } from '../kv/app-process';
import { type HttpClient, NoAnswerError } from '../http-client';
import type { BankAppSettings } from './bank-app';
import type { BankDatabase } from './bank-database';
import { BANK_TABLES } from './bank-entities';

const STATUS_TIMEOUT_MS = 2_000;

/** What is in a node's tables. */
export interface BankContent {
  /** A hash of each table's rows, and where its sequence stands. */
  readonly hashes: Readonly<Record<string, string>>;
  readonly sum: string;
  /** What was applied last, and the hash that is kept with it. */
  readonly applied: { readonly index: string; readonly hash: string };
}

/** One node of the bank under test: a process, and the server or the two servers that it keeps its tables and its log on. */
export class BankNode extends AppProcess {
  /**
   * @param tables the server of its tables
   * @param log the server of its log, where it is another one
   */
  constructor(
    readonly settings: BankAppSettings,
    readonly tables: BankDatabase,
    readonly log: BankDatabase | undefined,
    directory: string,
    main: string,
    private readonly http: HttpClient,
  ) {
    super({ logFile: path.join(directory, `${settings.id}.log`), main });
  }

  get id(): string {
    return this.settings.id;
  }

  get url(): string {
    return `http://127.0.0.1:${this.settings.httpPort}`;
  }

  /** @param change of its settings, for this life */
  start(change: Partial<BankAppSettings> = {}): void {
    this.launch({ BANK_APP: JSON.stringify({ ...this.settings, ...change }) });
  }

  /** @returns undefined where the node doesn't answer */
  async status(): Promise<RaftStatus | undefined> {
    if (!this.isRunning) return undefined;
    try {
      const answer = await this.http.send(`${this.url}/status`, { timeoutMs: STATUS_TIMEOUT_MS });
      return answer.status === 200 ? (JSON.parse(answer.body) as RaftStatus) : undefined;
    } catch (error) {
      if (error instanceof NoAnswerError) return undefined;
      throw error;
    }
  }

  async content(): Promise<BankContent> {
    const hashOf = (table: string): string =>
      `(SELECT md5(coalesce(string_agg(r::text, E'\\n' ORDER BY r::text COLLATE "C"), '')) FROM ${table} AS r) AS "${table}"`;
    const [hashes] = await this.tables.query<Record<string, string>>(
      `SELECT ${BANK_TABLES.map(hashOf).join(', ')}, (SELECT last_value || ' ' || is_called FROM transfer_id_seq) AS sequence`,
    );
    const [rest] = await this.tables.query<{ sum: string; index: string; hash: string }>(
      `SELECT (SELECT sum(balance)::text FROM account) AS sum, applied_index AS index, hash::text AS hash FROM raft_tables.raft_tables_state`,
    );
    const { sum, index, hash } = rest!;
    return { hashes: hashes!, sum, applied: { index, hash } };
  }

  /** How often each reference is there, and under which id. */
  async transfers(): Promise<ReadonlyMap<string, readonly number[]>> {
    const rows = await this.tables.query<{ reference: string; ids: number[] }>(
      'SELECT reference, array_agg(id) AS ids FROM transfer GROUP BY reference',
    );
    return new Map(rows.map(({ reference, ids }) => [reference, ids]));
  }
}
