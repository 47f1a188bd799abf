import type { PeerTlsOptions } from './peer-tls-options';
import { Logger } from '@nestjs/common';
import { RaftError } from '../../../errors/raft-error';
import { DEFAULT_MAX_FRAME_BYTES } from '../../codec';
import type { TransportProtection } from '../../contract';
import { isLocalHost } from '../../local-host';
import type { TransportLogger } from '../../transport-logger';
import { parseAddress } from './address';
import { protectionOf } from './protection';
import type { CredentialSources } from './credentials';

/** How clients, which aren't nodes, prove that they may call. At least one of the two. @publicApi */
export interface ClientAdmission {
  /** What clients have to know: 16 characters or more, and not the secret of the peers. Of several, a client may know any. */
  readonly secret?: string | readonly string[];
  /** A file with the secrets, one a line, in the place of `secret`. It is read again when it changes. */
  readonly secretFile?: string;
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
  /**
   * Connections from others that were admitted, at one time; more are refused. Default 256. Half of them, at most 64, are
   * kept for members; where all are taken, a member gets the place of the oldest that isn't one's. Besides, at most 64 are in
   * their handshake; when another comes, the oldest of them is closed.
   */
  readonly maxConnections?: number;
  /** How often the files of secrets and certificates are looked at, milliseconds. Default 5,000. */
  readonly credentialsCheckMs?: number;
  /** How long a handshake may take, on both sides, milliseconds. Default 5,000. */
  readonly helloTimeoutMs?: number;
  /** Default: Nest's logger under the name `RaftTransport`. */
  readonly logger?: TransportLogger;
}

export interface TcpTransportSettings {
  readonly listen: string;
  readonly credentials: CredentialSources;
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
  const { secret, secretFile, clients, tls } = options;
  return {
    listen: options.listen,
    credentials: {
      peers: { secret, secretFile, option: 'peers.secret', where: 'the same on all nodes' },
      clients: {
        secret: clients?.secret,
        secretFile: clients?.secretFile,
        option: 'peers.clients.secret',
        where: 'the same on all nodes and clients',
      },
      tls,
      tlsOption: 'peers.tls',
      checkMs: credentialsCheckMs(options),
      logger,
    },
    protection: checkedProtection(options),
    clients: clientAdmission(options),
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

/** @throws RaftError `RAFT_CONFIGURATION` */
export function credentialsCheckMs({
  credentialsCheckMs: ms,
}: Pick<TcpTransportOptions, 'credentialsCheckMs'>): number {
  return wholeNumber('peers.credentialsCheckMs', ms ?? 5000, 10, 3_600_000);
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

/** @throws RaftError `RAFT_CONFIGURATION` peers prove nothing, and others than this machine would reach the port */
export function requireLocalListen(options: TcpTransportOptions): void {
  const address = parseAddress(options.listen);
  if (address === undefined || isLocalHost(address.host) || protectionOf(options) !== 'none') return;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `\`peers.listen\` is ${options.listen}, which other machines may reach, and peers prove nothing. Set \`peers.secret\` or ` +
      '`peers.secretFile`, or `peers.tls` with `ca`; listen on 127.0.0.1; or let everybody in with `peers.insecure`',
  );
}

function clientAdmission({ clients, secret, secretFile, tls }: TcpTransportOptions): TcpTransportSettings['clients'] {
  if (clients === undefined) return undefined;
  const refuse = (sentence: string): never => {
    throw new RaftError('RAFT_CONFIGURATION', `\`peers.clients\` is given, and ${sentence}`);
  };
  const { names, maxConnections = 128 } = clients;
  if (clients.secret === undefined && clients.secretFile === undefined && names === undefined)
    refuse("has neither `secret` nor `names`: say how clients prove who they are, `{ secret: '…' }`");
  if (names !== undefined && ((tls?.ca === undefined && tls?.caFile === undefined) || names.length === 0))
    refuse('`names` is of use only with names in it and `peers.tls.ca`: no certificate is asked for without');
  if (secret === undefined && secretFile === undefined)
    refuse(
      '`peers.secret` is not: an application that is refused as a client could connect as a node. Give the nodes a secret',
    );
  return { ...clients, maxConnections: wholeNumber('peers.clients.maxConnections', maxConnections, 1, 65_535) };
}

function wholeNumber(option: string, value: number, from: number, to: number): number {
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw new RaftError('RAFT_CONFIGURATION', `\`${option}\` is ${value}; give a whole number from ${from} to ${to}`);
}
