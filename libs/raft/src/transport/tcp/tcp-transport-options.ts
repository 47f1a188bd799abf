import { Logger } from '@nestjs/common';
import type { ConnectionOptions, TlsOptions } from 'node:tls';
import { RaftError } from '../../core/raft-error';
import { DEFAULT_MAX_FRAME_BYTES } from '../codec';
import type { TransportLogger } from '../transport-logger';

/**
 * TLS between peers: what `tls.createServer` and `tls.connect` take (`key`, `cert`, `ca`, …), used for both, since each node is
 * both. With `ca`, peers must show a certificate of it (mutual TLS).
 *
 * @publicApi
 */
export type PeerTlsOptions = TlsOptions &
  ConnectionOptions & {
    /** Refuse a peer whose certificate doesn't name, as common name or DNS name, the node that it says it is. Default false. */
    readonly requireNodeName?: boolean;
  };

/** How clients, which aren't nodes, prove that they may call. At least one of the two. @publicApi */
export interface ClientAdmission {
  /** What clients have to know: 16 characters or more, and not the secret of the peers. */
  readonly secret?: string;
  /** Common names or DNS names, of which a client's certificate must have one. Needs `tls` with `ca`. */
  readonly names?: readonly string[];
  /** Connections of clients at one time; more are refused. Default 128. They count among `peers.maxConnections`, too. */
  readonly maxConnections?: number;
}

/** @publicApi */
export interface TcpTransportOptions {
  /** Where to listen for peers: `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly tls?: PeerTlsOptions;
  /** Peers that don't know it are refused: 16 characters or more. It isn't sent, and encrypts nothing: that takes `tls`. */
  readonly secret?: string;
  /** Serves clients (`RaftClientModule`), which may call and take no part. Needs `secret`, so that none can come as a peer. Default: none are served. */
  readonly clients?: ClientAdmission;
  /** The largest frame that is sent or accepted, 64 KiB or more. Default 16 MiB. A message above it is dropped. */
  readonly maxFrameBytes?: number;
  /** Accepted connections at one time; more are closed at once. Default 256. */
  readonly maxConnections?: number;
  /** How long a connection may take to be introduced, on both sides. Default 5,000. */
  readonly helloTimeoutMs?: number;
  /** Default: Nest's logger under the name `RaftTransport`. */
  readonly logger?: TransportLogger;
}

export interface TcpTransportSettings {
  readonly listen: string;
  readonly tls: PeerTlsOptions | undefined;
  readonly secret: string | undefined;
  readonly clients: (ClientAdmission & { readonly maxConnections: number }) | undefined;
  readonly maxFrameBytes: number;
  readonly maxConnections: number;
  readonly helloTimeoutMs: number;
  readonly logger: TransportLogger;
}

/** What a stranger's frames may measure: enough for a hello, too little to fill memory with. */
export const STRANGER_FRAME_BYTES = 64 * 1024;

const MIN_SECRET_LENGTH = 16;

/** @throws RaftError `RAFT_CONFIGURATION` */
export function tcpTransportSettings(options: TcpTransportOptions): TcpTransportSettings {
  const { secret } = options;
  requireLongSecret('peers.secret', secret, 'the same on all nodes');
  return {
    listen: options.listen,
    tls: options.tls,
    secret,
    clients: clientAdmission(options),
    maxFrameBytes: wholeNumber(
      'peers.maxFrameBytes',
      options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES,
      STRANGER_FRAME_BYTES,
      1024 * 1024 * 1024,
    ),
    maxConnections: wholeNumber('peers.maxConnections', options.maxConnections ?? 256, 1, 65_535),
    helloTimeoutMs: wholeNumber('peers.helloTimeoutMs', options.helloTimeoutMs ?? 5000, 10, 600_000),
    logger: options.logger ?? new Logger('RaftTransport'),
  };
}

/** @throws RaftError `RAFT_CONFIGURATION` */
export function requireLongSecret(option: string, secret: string | undefined, where: string): void {
  // The value stays out of the sentence: it goes to logs.
  if (secret !== undefined && secret.length < MIN_SECRET_LENGTH)
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `\`${option}\` has ${secret.length} characters, which can be guessed; give it ${MIN_SECRET_LENGTH} or more, ${where}`,
    );
}

function clientAdmission({ clients, secret, tls }: TcpTransportOptions): TcpTransportSettings['clients'] {
  if (clients === undefined) return undefined;
  const refuse = (sentence: string): never => {
    throw new RaftError('RAFT_CONFIGURATION', `\`peers.clients\` is given, and ${sentence}`);
  };
  const { names, maxConnections = 128 } = clients;
  requireLongSecret('peers.clients.secret', clients.secret, 'the same on all nodes and clients');
  if (clients.secret === undefined && names === undefined)
    refuse("has neither `secret` nor `names`: say how clients prove who they are, `{ secret: '…' }`");
  if (names !== undefined && (tls?.ca === undefined || names.length === 0))
    refuse('`names` is of use only with names in it and `peers.tls.ca`: no certificate is asked for without');
  if (secret === undefined)
    refuse('`peers.secret` is not: whoever is refused as a client could come as a node. Give the nodes a secret');
  if (secret === clients.secret)
    refuse('its secret is that of the peers: a client could come as a node. Give clients another');
  return { ...clients, maxConnections: wholeNumber('peers.clients.maxConnections', maxConnections, 1, 65_535) };
}

function wholeNumber(option: string, value: number, from: number, to: number): number {
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw new RaftError('RAFT_CONFIGURATION', `\`${option}\` is ${value}; give a whole number from ${from} to ${to}`);
}
