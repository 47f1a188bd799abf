import { DataSource } from 'typeorm';
import type {
  BackedCommand,
  BackedOutcome,
  BackedState,
  MachineBacking,
} from '../../libs/raft/src/state-machine/declare/backing';
import { decodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';
import { metadataOf } from '../../libs/raft/src/state-machine/declare/machine-metadata';
import type { TestPostgres } from '../support/postgres';
import { BANK_ENTITIES, bankOn, type BankOptions } from './bank';

let databases = 0;

/** One node's tables in a database of their own, driven without a log. */
export class TablesUnderTest {
  private index = 0;
  readonly told: string[] = [];

  private constructor(
    readonly url: string,
    readonly state: BackedState,
    readonly admin: DataSource,
  ) {}

  /**
   * @param port of a wire through which the node reaches its database
   * @param role who owns the database, and is connected as
   */
  static async make(
    postgres: TestPostgres,
    port = postgres.port,
    options: BankOptions = {},
    role = 'postgres',
  ): Promise<TablesUnderTest> {
    const name = `tables_${++databases}`;
    await postgres.query(`CREATE DATABASE ${name} OWNER ${role}`);
    await postgres.query(`ALTER ROLE ${role} PASSWORD '${postgres.password}'`);
    const url = new URL(postgres.url);
    url.username = role;
    url.pathname = `/${name}`;
    const direct = url.href;
    url.port = String(port);
    return TablesUnderTest.on(direct, url.href, options);
  }

  static async on(url: string, through = url, options: BankOptions = {}): Promise<TablesUnderTest> {
    const admin = await new DataSource({
      type: 'postgres',
      url,
      entities: BANK_ENTITIES,
      synchronize: true,
      installExtensions: false,
      uuidExtension: 'pgcrypto',
    }).initialize();
    const Bank = bankOn(through, options);
    const backing: MachineBacking = metadataOf(Bank)!.backing!;
    const told: string[] = [];
    const logger = { warn: (line: string) => told.push(line), error: (line: string) => told.push(line) };
    const state = backing.stateOf({
      name: 'bank',
      instance: new Bank(),
      logger,
      dataSource: () => {
        throw new Error('there is no application');
      },
    });
    const made = new TablesUnderTest(url, state, admin);
    made.told.push(...told);
    Object.assign(made, { told });
    return made;
  }

  async open(clusterId: string): Promise<unknown> {
    await this.state.prepare();
    return this.state.open(clusterId);
  }

  command(method: string, ...args: unknown[]): BackedCommand {
    const index = ++this.index;
    return {
      index,
      term: 1,
      timeMs: 1_700_000_000_000 + index,
      session: undefined,
      method,
      args,
      seed: index,
      isKept: false,
      isWanted: true,
      schemaHash: this.state.schemaHash(),
    };
  }

  async run(method: string, ...args: unknown[]): Promise<unknown> {
    const [only] = await this.state.apply([this.command(method, ...args)]);
    return valueOf(only!);
  }

  /** Waits until a session of this node's waits for a lock, or runs a statement with this text. */
  async untilBlocked(text?: string): Promise<void> {
    for (;;) {
      const [row] = await this.admin.query<{ waiting: number }[]>(
        text === undefined
          ? `SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
          : `SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%${text}%' AND pid <> pg_backend_pid()`,
      );
      if (row!.waiting > 0) return;
    }
  }

  async stop(): Promise<void> {
    await this.state.close();
    await this.admin.destroy();
  }

  /** Every row of every table, as one text. */
  async content(): Promise<string> {
    const [row] = await this.admin.query<{ all: string }[]>(
      `SELECT (SELECT coalesce(string_agg(a::text, E'\\n' ORDER BY owner), '') FROM account a) || E'\\n--\\n' ||
              (SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY id), '') FROM transfer t) AS all`,
    );
    return row!.all;
  }
}

export function valueOf({ outcome }: BackedOutcome): unknown {
  if (outcome.status !== 'applied') return outcome;
  return outcome.value === undefined ? undefined : decodeValue(outcome.value);
}
