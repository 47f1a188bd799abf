import type { DataSource, QueryRunner } from 'typeorm';
import { StoreUnavailableError } from '../../contract';
import { clientOf, cutAfter, type PostgresClient, reasonOf, sqlStateOf, type StatementCall } from './postgres-client';
import { patienceOf, POOL_SIZE } from './storage-options';

/**
 * Settings of the session that writes. What a version of Postgres doesn't have is left out. A statement time-out would turn
 * a slow disk into writes of unknown outcome: a stall is for the watchdog to judge. The planner is held to the indexes,
 * because a plan made while the tables are empty stays with a prepared statement.
 */
const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  synchronous_commit: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
};

/** How often a backend looks whether its client is still there while it works or waits for a lock. */
const CONNECTION_CHECK_INTERVAL = '1s';

/**
 * The one session that holds the lock, loads, and writes. Where it ends, the lock ends with it, and no statement that it was
 * given before can land afterwards.
 */
export class PinnedConnection {
  private failure: Error | undefined;
  private released = false;

  private constructor(
    readonly queryRunner: QueryRunner,
    readonly client: PostgresClient,
    readonly backendPid: number,
    readonly backendStart: string,
  ) {}

  /**
   * Takes a connection for its own. Those that lie idle in the pool may be dead without knowing it, all of them where the
   * server was restarted: they are tried once each, and given up where they don't answer.
   *
   * @throws StoreUnavailableError
   */
  static async connect(dataSource: DataSource, applicationName: string): Promise<PinnedConnection> {
    for (let attempt = 1; ; attempt++)
      try {
        return await PinnedConnection.tryConnect(dataSource, applicationName);
      } catch (error) {
        if (error instanceof StoreUnavailableError) throw error;
        if (attempt > POOL_SIZE || sqlStateOf(error) !== undefined) throw unreachable(error);
      }
  }

  private static async tryConnect(dataSource: DataSource, applicationName: string): Promise<PinnedConnection> {
    const queryRunner = dataSource.createQueryRunner('master');
    let client: PostgresClient;
    try {
      client = await clientOf(queryRunner);
    } catch (error) {
      throw unreachable(error);
    }
    let session: PinnedConnection | undefined;
    let early: Error | undefined;
    client.on('error', (error) => {
      early = error;
      if (session) session.failure ??= error;
    });
    const { firstAnswerMs, setUpMs } = patienceOf(dataSource.options);
    try {
      const backend = () =>
        client.query({
          text: 'SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()',
          rowMode: 'array',
        });
      const [row] = (await cutAfter(client, firstAnswerMs, backend)).rows as [number, string][];
      if (!row) throw new StoreUnavailableError('The role may not see its own session in pg_stat_activity.');
      const made = new PinnedConnection(queryRunner, client, row[0], row[1]);
      made.failure = early;
      session = made;
      await cutAfter(client, setUpMs, async () => {
        await made.refuseProxy(dataSource);
        await made.configure(applicationName);
        await made.refuseUnsafeServer();
      });
      return made;
    } catch (error) {
      await discard(client, queryRunner);
      throw error;
    }
  }

  /** @throws whatever went wrong; after a lost connection the outcome is unknown */
  async query(call: StatementCall): Promise<readonly unknown[][]> {
    this.refuseIfLost();
    return (await this.client.query(call)).rows;
  }

  /** @returns how many rows a statement wrote */
  async write(call: StatementCall): Promise<number> {
    this.refuseIfLost();
    return (await this.client.query(call)).rowCount ?? 0;
  }

  private refuseIfLost(): void {
    if (this.failure)
      throw new Error(`The session with Postgres is lost: ${this.failure.message}`, { cause: this.failure });
  }

  /** Ends it in order: resolves once the server has let go of everything that it held. */
  async end(): Promise<void> {
    if (this.released) return;
    this.released = true;
    this.failure ??= new Error('the session was ended');
    try {
      await this.client.end();
    } catch {
      // It is gone already, which is what was asked for.
    }
    await this.queryRunner.release();
  }

  /** Cuts the connection: what is under way fails at once on this side. */
  async destroy(reason: string): Promise<void> {
    if (this.released) return;
    this.released = true;
    this.failure ??= new Error(reason);
    await discard(this.client, this.queryRunner);
  }

  /**
   * A proxy that gives its connections to others between transactions (PgBouncer in transaction mode and the like) lends the
   * lock to strangers. Such a proxy answers with a process id that isn't the backend's, and lets two clients that are both
   * connected meet in one backend.
   */
  private async refuseProxy(dataSource: DataSource): Promise<void> {
    const refuse = () => {
      throw new StoreUnavailableError(
        'The connection to Postgres goes through a pooling proxy, which may give the session, and with it the lock on the store, ' +
          'to another client. Point the storage straight at the Postgres server (with PgBouncer: its server, not port 6432).',
      );
    };
    if (this.client.processID !== this.backendPid) refuse();
    const other = dataSource.createQueryRunner('master');
    try {
      const client = await clientOf(other);
      const pid = async (of: PostgresClient) =>
        (await of.query({ text: 'SELECT pg_backend_pid()', rowMode: 'array' })).rows[0]?.[0];
      // The other client is there already when ours is answered, and then takes a backend for a while: the one that was
      // just given back, where a proxy gives them back.
      await cutAfter(client, patienceOf(dataSource.options).firstAnswerMs, () => pid(client));
      const before = await pid(this.client);
      await client.query({ text: 'BEGIN', rowMode: 'array' });
      const beside = await pid(client);
      const after = await pid(this.client);
      await client.query({ text: 'ROLLBACK', rowMode: 'array' });
      if (before !== this.backendPid || after !== this.backendPid || beside === this.backendPid) refuse();
    } finally {
      await other.release();
    }
  }

  private async configure(applicationName: string): Promise<void> {
    const set = (settings: Readonly<Record<string, string>>) =>
      this.query({
        text: `SELECT set_config(s.name, w.value, false)
          FROM json_each_text($1::json) AS w(name, value) JOIN pg_settings s ON s.name = w.name`,
        values: [JSON.stringify(settings)],
        rowMode: 'array',
      });
    await set({ ...SESSION_SETTINGS, application_name: applicationName });
    try {
      await set({ client_connection_check_interval: CONNECTION_CHECK_INTERVAL });
    } catch (error) {
      // Not every operating system that Postgres runs on can do this; TCP keep-alive then has to.
      if (this.failure) throw error;
    }
  }

  private async refuseUnsafeServer(): Promise<void> {
    const [row] = (await this.query({
      text: "SELECT current_setting('fsync'), current_setting('synchronous_commit'), pg_is_in_recovery()",
      rowMode: 'array',
    })) as [string, string, boolean][];
    const [fsync, synchronousCommit, isStandby] = row ?? [];
    if (isStandby !== false)
      throw new StoreUnavailableError('This Postgres is a read-only standby. Point the storage at the primary server.');
    if (fsync !== 'on')
      throw new StoreUnavailableError(
        'This Postgres runs with fsync = off: a power cut would take back votes and entries that were promised to other nodes. ' +
          'Set fsync = on and restart Postgres.',
      );
    if (synchronousCommit !== 'on')
      throw new StoreUnavailableError(
        `synchronous_commit could not be set on the session: it is '${synchronousCommit}'. The storage answers for what it acknowledged; let the role set it.`,
      );
  }
}

async function discard(client: PostgresClient, queryRunner: QueryRunner): Promise<void> {
  client.connection.stream.destroy();
  // The client has to be ended before it goes back to the pool, or the pool would hand it out again.
  await client.end().catch(() => undefined);
  await queryRunner.release();
}

export function unreachable(error: unknown): StoreUnavailableError {
  return new StoreUnavailableError(`Postgres can't be used: ${reasonOf(error)}`, { cause: error });
}
