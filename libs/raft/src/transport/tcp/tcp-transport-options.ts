import { Logger } from '@nestjs/common';
import type { ConnectionOptions, TlsOptions } from 'node:tls';
import { RaftError } from '../../core/raft-error';
import { DEFAULT_MAX_FRAME_BYTES } from '../codec';
import type { TransportProtection } from '../contract';
import type { TransportLogger } from '../transport-logger';
import { protectionOf } from './protection';
import { secretsOf } from './secrets';
import { type PeerTlsFiles, withTlsFiles } from './tls-files';

/**
 * TLS between peers: what `tls.createServer` and `tls.connect` take (`key`, `cert`, `ca`, …), used for both, since each node is
 * both; or `keyFile`, `certFile` and `caFile`, the paths of PEM files. With `ca` or `caFile`, peers must show a certificate of it
 * (mutual TLS); without, everybody is let in, over an encrypted connection.
 *
 * @publicApi
 */
export type PeerTlsOptions = TlsOptions &
  ConnectionOptions &
  PeerTlsFiles & {
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
  /**
   * Peers that don't know it are refused: 16 characters or more. It isn't sent, and encrypts nothing: that takes `tls`. Of several,
   * the first proves this node, and a peer may prove itself with any: so that a new one can be brought in node by node.
   */
  readonly secret?: string | readonly string[];
  /** A file with the secrets, one a line, in the place of `secret`. It is read again when it changes. */
  readonly secretFile?: string;
  /**
   * Lets everybody who reaches the port be a peer: read and write all data, change the members. Default false: without a secret
   * and without `tls` with `ca`, only addresses of this machine are accepted.
   */
  readonly insecure?: boolean;
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
  /** The one that proves this node. */
  readonly secret: string | undefined;
  /** All that are accepted, the one that proves first; empty where none is asked for. */
  readonly secrets: readonly string[];
  readonly protection: TransportProtection;
  readonly clients: (ClientAdmission & { readonly maxConnections: number }) | undefined;
  readonly maxFrameBytes: number;
  readonly maxConnections: number;
  readonly helloTimeoutMs: number;
  readonly logger: TransportLogger;
}

/** What a stranger's frames may measure: enough for a hello, too little to fill memory with. */
export const STRANGER_FRAME_BYTES = 64 * 1024;

/** @throws RaftError `RAFT_CONFIGURATION` */
export function tcpTransportSettings(options: TcpTransportOptions): TcpTransportSettings {
  const logger = options.logger ?? new Logger('RaftTransport');
  const secrets = secretsOf(options, 'peers.secret', 'the same on all nodes', (sentence) => logger.warn(sentence));
  const tls = options.tls && withTlsFiles(options.tls, 'peers.tls');
  return {
    listen: options.listen,
    tls,
    secret: secrets[0],
    secrets,
    protection: checkedProtection(options),
    clients: clientAdmission(options.clients, secrets, tls),
    maxFrameBytes: wholeNumber(
      'peers.maxFrameBytes',
      options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES,
      STRANGER_FRAME_BYTES,
      1024 * 1024 * 1024,
    ),
    maxConnections: wholeNumber('peers.maxConnections', options.maxConnections ?? 256, 1, 65_535),
    helloTimeoutMs: wholeNumber('peers.helloTimeoutMs', options.helloTimeoutMs ?? 5000, 10, 600_000),
    logger,
  };
}

function checkedProtection(options: TcpTransportOptions): TransportProtection {
  const { insecure, ...defence } = options;
  if (insecure !== undefined && typeof insecure !== 'boolean')
    throw new RaftError('RAFT_CONFIGURATION', `\`peers.insecure\` is ${String(insecure)}; write true or false`);
  if (insecure === true && protectionOf(defence) !== 'none')
    throw new RaftError(
      'RAFT_CONFIGURATION',
      '`peers.insecure` is true beside a secret or TLS: it says that no peer has to prove anything. Leave one of them out',
    );
  return protectionOf(options);
}

function clientAdmission(
  clients: ClientAdmission | undefined,
  secrets: readonly string[],
  tls: PeerTlsOptions | undefined,
): TcpTransportSettings['clients'] {
  if (clients === undefined) return undefined;
  const refuse = (sentence: string): never => {
    throw new RaftError('RAFT_CONFIGURATION', `\`peers.clients\` is given, and ${sentence}`);
  };
  const { names, maxConnections = 128 } = clients;
  secretsOf({ secret: clients.secret }, 'peers.clients.secret', 'the same on all nodes and clients', () => undefined);
  if (clients.secret === undefined && names === undefined)
    refuse("has neither `secret` nor `names`: say how clients prove who they are, `{ secret: '…' }`");
  if (names !== undefined && (tls?.ca === undefined || names.length === 0))
    refuse('`names` is of use only with names in it and `peers.tls.ca`: no certificate is asked for without');
  if (secrets.length === 0)
    refuse('`peers.secret` is not: whoever is refused as a client could come as a node. Give the nodes a secret');
  if (clients.secret !== undefined && secrets.includes(clients.secret))
    refuse('its secret is that of the peers: a client could come as a node. Give clients another');
  return { ...clients, maxConnections: wholeNumber('peers.clients.maxConnections', maxConnections, 1, 65_535) };
}

function wholeNumber(option: string, value: number, from: number, to: number): number {
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw new RaftError('RAFT_CONFIGURATION', `\`${option}\` is ${value}; give a whole number from ${from} to ${to}`);
}
