import type { GroupId } from '../../core/base/types';
import type { RaftClientLimits } from '../../client/raft-client-options';
import type { CallTracer } from '../../runtime/events/call-tracer';
import type { RaftClientTransport } from '../../transport/contract';
import type { PeerTlsOptions } from '../../transport/tcp';

/** The options of `RaftClientModule.forRoot()`. @publicApi */
export interface RaftClientModuleOptions {
  /** The cluster's name, as its nodes have it. Default `raft`. */
  readonly clusterName?: string;
  /** Peer addresses of the cluster's nodes, `host:port`: where they listen for each other. One that is up is enough. */
  readonly peers: readonly string[];
  /** The nodes' `peers.clients.secret`, which isn't the secret of the peers. Of several, the first proves this client. */
  readonly secret?: string | readonly string[];
  /** A file with the secret, in the place of `secret`. It is read again when it changes. */
  readonly secretFile?: string;
  /** TLS to the nodes: `ca`, and `key` and `cert` where they ask for a certificate. */
  readonly tls?: PeerTlsOptions;
  /**
   * Calls nodes on other machines without a secret and without `tls`, and trusts everybody who answers at their addresses. It is warned of at
   * every start. Default false.
   */
  readonly insecure?: boolean;
  /** What nodes call this client in their logs. Default `client`. */
  readonly clientName?: string;
  /** How long a call waits for its answer, elections included. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** After how long without an answer a call is sent again, by way of another node. Default 2,000. */
  readonly patienceMs?: number;
  /** How long the stop waits for calls that are under way. Default 5,000. */
  readonly shutdownTimeoutMs?: number;
  /** Bounds of what waits in this client; each has its default. */
  readonly limits?: Partial<RaftClientLimits>;
  /** The largest frame that is sent or accepted: as `peers.maxFrameBytes` on the nodes. Default 16 MiB. */
  readonly maxFrameBytes?: number;
  /** Whether a global filter answers Raft errors that leave a controller. Default true. */
  readonly httpErrors?: boolean;
  /** Traces each call: `openTelemetryTracer()` of `nestjs-raft/opentelemetry`. Default: nothing is traced. */
  readonly tracer?: CallTracer;
  /** Default: TCP. */
  readonly transport?: RaftClientTransport;
}

/** What has to be known before any factory has run, so it stands beside `useFactory` in `forRootAsync`. @publicApi */
export interface RaftClientModuleExtras {
  /** Default true. */
  readonly isGlobal?: boolean;
  /** The name of the Raft group that the nodes serve. Default `default`. */
  readonly group?: GroupId;
}

/** For `forRootAsync({ useClass })` and `useExisting`. @publicApi */
export interface RaftClientOptionsFactory {
  createRaftClientOptions(): RaftClientModuleOptions | Promise<RaftClientModuleOptions>;
}
