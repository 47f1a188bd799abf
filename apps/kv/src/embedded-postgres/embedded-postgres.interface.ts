export interface EmbeddedPostgresOptions {
  /**
   * Folder of the Postgres cluster; created if absent. Beside it lie `<dataDir>.log` (the server's log) and `<dataDir>.port`.
   */
  readonly dataDir: string;
  /**
   * Port on 127.0.0.1. Default: the port of the last start where it is free, otherwise a free one. A server that is taken
   * over keeps the port that it has.
   */
  readonly port?: number;
  /** Database that is created if absent. Default `raft`. */
  readonly database?: string;
  /** Receives what happens, a sentence a call. Default: nothing is reported. */
  readonly log?: (line: string) => void;
  /** How long the server may take until it answers, crash recovery included. Default 60,000. */
  readonly startTimeoutMs?: number;
  /**
   * How long `stop()` waits for the fast shutdown (which ends in a checkpoint) before it asks for the immediate one (which
   * leaves a recovery to the next start, and loses nothing). Default 4,000.
   */
  readonly stopTimeoutMs?: number;
}

export interface EmbeddedPostgres {
  /** `postgresql://postgres@127.0.0.1:PORT/DATABASE` */
  readonly url: string;
  readonly port: number;
  /** Process id of the postmaster. */
  readonly pid: number;
  /** True where the server was already running: its earlier owner was killed. */
  readonly adopted: boolean;
  /**
   * Ends the server, adopted or not; every call gives the same promise. Close connections that matter before: the server
   * ends them. Fails with `STOP_FAILED` where the server doesn't end even after the immediate shutdown.
   */
  stop(): Promise<void>;
}
