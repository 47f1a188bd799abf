export interface EmbeddedPostgresOptions {
  /**
   * Folder of the Postgres cluster; created if absent. Beside it lie `<dataDir>.log` (the server's log) and `<dataDir>.socket` (the
   * folder of its socket), and for TCP `<dataDir>.port` and `<dataDir>.password`.
   */
  readonly dataDir: string;
  /**
   * Whether the server listens on 127.0.0.1, too, and asks for a password there. Default false: a Unix socket, in a folder that
   * this user alone may enter, is all; a system without sockets has TCP alone.
   */
  readonly tcp?: boolean;
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
  /**
   * `postgresql:///DATABASE?host=FOLDER&port=5432&user=postgres`, or, with `tcp`,
   * `postgresql://postgres:PASSWORD@127.0.0.1:PORT/DATABASE`.
   */
  readonly url: string;
  /** On 127.0.0.1; undefined where the server doesn't listen there. */
  readonly port: number | undefined;
  /** The folder of its Unix socket; undefined where the system has none. */
  readonly socketDir: string | undefined;
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
