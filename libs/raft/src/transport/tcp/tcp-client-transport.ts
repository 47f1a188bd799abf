import { Logger, type Type } from '@nestjs/common';
import { RaftError } from '../../errors/raft-error';
import { DEFAULT_MAX_FRAME_BYTES } from '../codec';
import type {
  ClientTransportHost,
  Hello,
  PeerMessage,
  RaftClientTransport,
  RequestMessage,
  TransportProtection,
} from '../contract';
import type { TransportLogger } from '../transport-logger';
import { Credentials, type CredentialSources } from './options/credentials';
import { errorText } from './options/error-text';
import type { ConnectionEnd } from './peer-connection';
import { PeerLink } from './peer-link';
import { RareLog } from './rare-log';
import { raftTcpSocketClass, type RaftTcpSocket } from './raft-tcp-socket';
import { clientProtectionOf } from './options/protection';
import { credentialsCheckMs, tcpTransportSettings, type TcpTransportSettings } from './options/tcp-transport-options';
import type { PeerTlsOptions } from './options/peer-tls-options';

const PING_INTERVAL_MS = 1000;

/** @publicApi */
export interface TcpClientTransportOptions {
  /** The nodes' `peers.clients.secret`. Of several, the first proves this client, and a node may prove itself with any. */
  readonly secret?: string | readonly string[];
  /** A file with the secrets, one a line, in the place of `secret`. It is read again when it changes. */
  readonly secretFile?: string;
  /** As for `tls.connect`: `ca` to check the nodes by, `key` and `cert` where they ask for a certificate. */
  readonly tls?: PeerTlsOptions;
  /** Calls nodes on other machines without a secret and without TLS. Default false. */
  readonly insecure?: boolean;
  /** The largest frame that is sent or accepted: as on the nodes. Default 16 MiB. */
  readonly maxFrameBytes?: number;
  /** How often the files of secrets and certificates are looked at, milliseconds. Default 5,000. */
  readonly credentialsCheckMs?: number;
  /** How long a handshake may take, milliseconds. Default 5,000. */
  readonly helloTimeoutMs?: number;
  /** Default: Nest's logger under the name `RaftClient`. */
  readonly logger?: TransportLogger;
}

/**
 * A client's connections to nodes over TCP. It listens nowhere: calls and answers go over the connections that it dials.
 *
 * @throws RaftError `RAFT_CONFIGURATION` for options that can't work
 * @publicApi
 */
export function tcpClientTransport(options: TcpClientTransportOptions = {}): RaftClientTransport {
  const { maxFrameBytes = DEFAULT_MAX_FRAME_BYTES, helloTimeoutMs = 5000, tls, secret, secretFile } = options;
  const logger = options.logger ?? new Logger('RaftClient');
  const none = { secret: undefined, option: 'peers.secret', where: '' };
  const credentials: CredentialSources = {
    peers: none,
    clients: { secret, secretFile, option: 'secret', where: "the nodes' `peers.clients.secret`" },
    tls,
    tlsOption: 'tls',
    checkMs: credentialsCheckMs(options),
    logger,
  };
  if (options.insecure === true && clientProtectionOf({ ...options, insecure: false }) !== 'none')
    throw new RaftError(
      'RAFT_CONFIGURATION',
      '`insecure` is true beside a secret or TLS: it says that nodes have to prove nothing. Leave one of them out',
    );
  const settings = tcpTransportSettings({ listen: '', maxFrameBytes, helloTimeoutMs, logger });
  return new TcpClientTransport({ ...settings, credentials, protection: clientProtectionOf(options) });
}

class TcpClientTransport implements RaftClientTransport {
  readonly protection: TransportProtection;
  private readonly socketClass: Type<RaftTcpSocket>;
  private readonly links = new Map<string, PeerLink>();
  private readonly rareLog = new RareLog();
  private readonly credentials: Credentials;
  private host: ClientTransportHost | undefined;
  private pinging: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly settings: TcpTransportSettings) {
    this.protection = settings.protection;
    this.socketClass = raftTcpSocketClass(settings);
    this.credentials = new Credentials(settings.credentials);
  }

  start(host: ClientTransportHost): void {
    if (this.stopped || this.host !== undefined) return;
    this.host = host;
    this.credentials.start(() => undefined);
    this.pinging = setInterval(() => {
      for (const link of this.links.values()) link.ping();
    }, PING_INTERVAL_MS);
    for (const link of this.links.values()) link.start();
  }

  connect(address: string): void {
    if (this.stopped || this.links.has(address)) return;
    const link = this.linkTo(address);
    this.links.set(address, link);
    if (this.host !== undefined) link.start();
  }

  disconnect(address: string): void {
    this.links.get(address)?.stop();
    this.links.delete(address);
  }

  send(address: string, request: RequestMessage): boolean {
    return this.links.get(address)?.send(request) ?? false;
  }

  stop(): Promise<void> {
    this.stopped = true;
    this.host = undefined;
    clearInterval(this.pinging);
    this.credentials.stop();
    for (const link of this.links.values()) link.stop();
    this.links.clear();
    return Promise.resolve();
  }

  private linkTo(address: string): PeerLink {
    let lastEnd: ConnectionEnd | undefined;
    return new PeerLink(address, {
      settings: this.settings,
      credentials: this.credentials,
      comesAs: 'client',
      addressOf: () => undefined,
      nameAt: () => '',
      socketClass: this.socketClass,
      hello: () => this.hello(),
      admit: (node) => (this.host === undefined ? 'this client is stopping' : this.host.admit(node, address)),
      message: (message, node) => this.receive(message, node, address),
      changed: (_address, state, detail) =>
        this.guarded(() => {
          if (state === 'connected') this.host?.connected(address);
          else if (state !== 'connecting') this.host?.disconnected(address, detail, lastEnd?.refusedBy !== undefined);
        }),
      onEnd: (_address, end) => {
        lastEnd = end;
        this.onEnd(address, end);
      },
      dropped: (_address, error) => this.rarely(`a call to ${address} was dropped: ${errorText(error)}`),
    });
  }

  private hello(): Hello {
    if (this.host === undefined) throw new Error('the transport has stopped');
    return this.host.hello();
  }

  private receive(message: PeerMessage, node: Hello, address: string): void {
    if (message.kind === 'response') this.guarded(() => this.host?.receive(message, node, address));
  }

  private guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.settings.logger.error(`the client failed in its transport: ${errorText(error)}`);
    }
  }

  private onEnd(address: string, end: ConnectionEnd): void {
    if (end.refusedBy === 'peer') this.rarely(`the node at ${address} refuses this client, saying: ${end.detail}`);
    else if (end.refusedBy === 'us') this.rarely(`refused the node at ${address}, saying: ${end.detail}`);
    else if (end.unreadable === true) this.rarely(`closed the connection to ${address}: ${end.detail}`);
    else this.settings.logger.debug(`the connection to ${address} ended: ${end.detail}`);
  }

  private rarely(sentence: string): void {
    this.rareLog.say(sentence, (said) => this.settings.logger.error(said));
  }
}
