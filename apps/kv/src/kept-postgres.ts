import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres';
import { isRunning } from './embedded-postgres/process/process-table';

const WATCH_INTERVAL_MS = 500;

/**
 * An embedded Postgres that is started again, at the same address, when its process dies under a living node (killed, or out of
 * memory). The node finds it by the same URL, and learns from it what was written.
 */
export class KeptPostgres {
  private stopped = false;
  private starting: Promise<void> | undefined;
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private server: EmbeddedPostgres,
    private readonly options: EmbeddedPostgresOptions,
  ) {
    this.timer = setInterval(() => this.watch(), WATCH_INTERVAL_MS);
    this.timer.unref();
  }

  /** @throws EmbeddedPostgresError where the first start fails */
  static async start(options: EmbeddedPostgresOptions): Promise<KeptPostgres> {
    return new KeptPostgres(await startEmbeddedPostgres(options), options);
  }

  get url(): string {
    return this.server.url;
  }

  /** Ends the server for good. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.starting;
    await this.server.stop();
  }

  private watch(): void {
    if (this.stopped || this.starting !== undefined || isRunning(this.server.pid)) return;
    this.options.log?.('The Postgres of this node has died; it is started again');
    this.starting = this.startAgain().finally(() => (this.starting = undefined));
  }

  /** Another attempt follows with the next look, where this one fails. */
  private async startAgain(): Promise<void> {
    const dead = this.server;
    try {
      // What it holds on to, its owner lock among it, goes with the old server.
      await dead.stop();
      this.server = await startEmbeddedPostgres({
        ...this.options,
        ...(dead.port !== undefined && { port: dead.port }),
      });
    } catch (error) {
      this.options.log?.(`It can't be started: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
