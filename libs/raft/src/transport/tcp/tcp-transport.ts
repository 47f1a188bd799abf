import type { Type } from '@nestjs/common';
import { RaftError } from '../../errors/raft-error';
import type { Hello, PeerMessage, RaftTransport, TransportHost, TransportProtection } from '../contract';
import { parseAddress } from './options/address';
import { errorText } from './options/error-text';
import { listenError, malformedListen } from './listen-error';
import { AcceptedClients } from './accepted-clients';
import { ConnectionPlaces } from './handshake/connection-places';
import { Credentials } from './options/credentials';
import { PeerConnection, type ConnectionEnd } from './peer-connection';
import { PeerLink, type PeerLinkHost } from './peer-link';
import { RareLog } from './rare-log';
import { placeOf, RaftTcpServer } from './raft-tcp-server';
import { raftTcpSocketClass, type RaftTcpSocket } from './raft-tcp-socket';
import {
  requireLocalListen,
  tcpTransportSettings,
  type TcpTransportOptions,
  type TcpTransportSettings,
} from './options/tcp-transport-options';

const PING_INTERVAL_MS = 1000;

/**
 * Peers over TCP, on Nest's microservice transport.
 *
 * Each node dials each peer and sends all that it has for that peer, questions and answers alike, over the connection that it
 * dialled; what the peer has to say comes over the one that the peer dialled. So a connection that hangs delays one direction
 * to one peer, and nothing else.
 *
 * @throws RaftError `RAFT_CONFIGURATION` for options that can't work
 * @publicApi
 */
export function tcpTransport(options: TcpTransportOptions): RaftTransport {
  requireLocalListen(options);
  return new TcpTransport(tcpTransportSettings(options));
}

class TcpTransport implements RaftTransport {
  readonly protection: TransportProtection;
  private readonly settings: TcpTransportSettings;
  private readonly socketClass: Type<RaftTcpSocket>;
  private readonly links = new Map<string, PeerLink>();
  private readonly accepted = new Set<PeerConnection>();
  private readonly clients: AcceptedClients;
  private readonly rareLog = new RareLog();
  private readonly credentials: Credentials;
  private readonly places: ConnectionPlaces;
  private host: TransportHost | undefined;
  private server: RaftTcpServer | undefined;
  private pinging: NodeJS.Timeout | undefined;
  private listening = false;
  private stopping: Promise<void> | undefined;
  private hasStopped = false;

  constructor(settings: TcpTransportSettings) {
    this.settings = settings;
    this.protection = settings.protection;
    this.socketClass = raftTcpSocketClass(settings);
    this.credentials = new Credentials(settings.credentials);
    this.places = new ConnectionPlaces({
      most: settings.maxConnections,
      crowded: (sentence) => this.rarely('warn', sentence),
    });
    this.clients = new AcceptedClients(settings, {
      host: () => this.host?.clients,
      guarded: (what, call) => this.guarded(what, call),
    });
  }

  async start(host: TransportHost): Promise<string> {
    if (this.host !== undefined || (this.stopping !== undefined && !this.hasStopped))
      throw new RaftError('RAFT_CONFIGURATION', 'this transport is started, or stopping; make one for each node');
    this.stopping = undefined;
    this.hasStopped = this.listening = false;
    const { listen, helloTimeoutMs, logger } = this.settings;
    const { tls } = this.credentials;
    const address = parseAddress(listen);
    if (address === undefined) throw malformedListen(listen);
    this.host = host;
    const server = new RaftTcpServer({
      ...address,
      places: this.places,
      socketClass: this.socketClass,
      tlsOptions: tls && {
        requestCert: tls.ca !== undefined,
        rejectUnauthorized: tls.ca !== undefined,
        handshakeTimeout: helloTimeoutMs,
        ...tls,
      },
      onConnection: (socket) => this.accept(socket),
      onFailure: (sentence) => this.rarely('warn', sentence),
    });
    this.server = server;
    let bound: string;
    try {
      bound = await server.listening();
    } catch (error) {
      this.host = undefined;
      throw listenError(listen, error);
    }
    if (this.stopping !== undefined) {
      await server.closed();
      throw new RaftError('RAFT_SHUTTING_DOWN', 'stopped while starting');
    }
    this.listening = true;
    this.credentials.start((changed) => server.setSecureContext(changed));
    if (tls?.requireNodeName === false)
      logger.warn(
        '`peers.tls.requireNodeName` is false: each certificate of the authority can be any node of this cluster. Give each node ' +
          'a certificate that names it, and leave the option out.',
      );
    this.pinging = setInterval(() => {
      for (const link of this.links.values()) link.ping();
    }, PING_INTERVAL_MS);
    for (const link of this.links.values()) link.start();
    return bound;
  }

  connect(address: string): void {
    if (this.links.has(address) || this.stopping !== undefined) return;
    const link = new PeerLink(address, this.linkHost());
    this.links.set(address, link);
    if (this.listening) link.start();
  }

  disconnect(address: string): void {
    this.links.get(address)?.stop();
    this.links.delete(address);
  }

  send(address: string, message: PeerMessage): boolean {
    return this.links.get(address)?.send(message) ?? false;
  }

  backlogBytes(address: string): number {
    return this.links.get(address)?.backlogBytes ?? 0;
  }

  announce(): void {
    for (const link of this.links.values()) link.announce();
    for (const connection of this.accepted) connection.announce();
  }

  turnAway(sender: Hello, sentence: string): void {
    for (const connection of [...this.accepted]) if (connection.admittedPeer === sender) connection.refuse(sentence);
    for (const link of this.links.values()) link.turnAway(sender, sentence);
  }

  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async close(): Promise<void> {
    this.host = undefined;
    clearInterval(this.pinging);
    this.credentials.stop();
    for (const link of this.links.values()) link.stop();
    this.links.clear();
    for (const connection of this.accepted) connection.drop();
    this.accepted.clear();
    this.clients.clear();
    if (this.listening) await this.server?.closed();
    this.hasStopped = true;
  }

  private accept(socket: RaftTcpSocket): void {
    const from = remoteOf(socket);
    const place = placeOf(socket.netSocket);
    const { settings, credentials } = this;
    const connection: PeerConnection = new PeerConnection(socket, 'accepted', {
      comesAs: 'peer',
      secrets: (role) => credentials.secrets(role),
      clients: settings.clients,
      helloTimeoutMs: settings.helloTimeoutMs,
      requireNodeName: credentials.tls?.ca !== undefined && credentials.tls.requireNodeName !== false,
      hello: () => this.hello(),
      addressOf: (peer) => this.host?.memberOf?.(peer)?.peer,
      nameAt: (address) => this.host?.nameAt?.(address) ?? '',
      admit: (peer) => this.admitAt(place, peer, connection),
      message: (message, sender) => {
        if (sender.role === 'client') this.clients.receive(message, connection);
        else this.receive(message, sender);
      },
      opened: (peer) => {
        settings.logger.debug(`${peer.role ?? 'peer'} ${peer.nodeName} connected from ${from}`);
        if (peer.role === 'client') return;
        for (const link of this.links.values()) link.peerArrived(peer);
      },
      ended: (end) => {
        this.accepted.delete(connection);
        this.clients.ended(connection);
        const name = connection.peerName;
        this.onEnd(name === undefined ? from : `${name} (${from})`, end);
      },
    });
    if (this.host === undefined) return connection.drop();
    this.accepted.add(connection);
    connection.introduce();
  }

  private linkHost(): PeerLinkHost {
    return {
      settings: this.settings,
      credentials: this.credentials,
      comesAs: 'peer',
      socketClass: this.socketClass,
      hello: () => this.hello(),
      addressOf: (peer) => this.host?.memberOf?.(peer)?.peer,
      nameAt: (address) => this.host?.nameAt?.(address) ?? '',
      admit: (peer) => this.admit(peer),
      message: (message, sender) => this.receive(message, sender),
      changed: (address, state, detail, peer) =>
        this.guarded('connectionChanged', () => this.host?.connectionChanged(address, state, detail, peer)),
      onEnd: (address, end) => {
        this.onEnd(address, end);
        if (end.refusedBy !== undefined || end.unheard === true)
          this.guarded('turnedAway', () => this.host?.turnedAway?.(address, end.detail));
      },
      dropped: (address, error) => this.rarely('error', `a message for ${address} was dropped: ${errorText(error)}`),
    };
  }

  private hello(): Hello {
    if (this.host === undefined) throw new Error('the transport has stopped');
    return this.host.hello();
  }

  private admitAt(place: string, peer: Hello, connection: PeerConnection): string | undefined {
    const isClient = peer.role === 'client';
    const isMember = !isClient && this.host?.memberOf?.(peer) !== undefined;
    const refusal = isClient ? this.clients.admit(peer, connection) : this.admit(peer);
    return refusal ?? this.places.admit(place, peer.incarnation, isMember);
  }

  private admit(peer: Hello): string | undefined {
    return this.host === undefined ? 'this node is stopping' : this.host.admit(peer);
  }

  private receive(message: PeerMessage, sender: Hello): void {
    this.guarded('receive', () => this.host?.receive(message, sender));
  }

  /** The host must not throw; if it does, the fault isn't the connection's. */
  private guarded(what: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.settings.logger.error(
        `the transport's host failed in ${what}: ${(error as Partial<Error> | undefined)?.stack ?? errorText(error)}`,
      );
    }
  }

  private onEnd(peer: string, end: ConnectionEnd): void {
    if (end.refusedBy === 'us') this.rarely('error', `refused peer ${peer}, saying: ${end.detail}`);
    else if (end.refusedBy === 'peer') this.rarely('error', `peer ${peer} refuses this node, saying: ${end.detail}`);
    else if (end.unreadable === true) this.rarely('error', `closed the connection to ${peer}: ${end.detail}`);
    else this.rarely('debug', `the connection to ${peer} ended: ${end.detail}`);
  }

  private rarely(level: 'debug' | 'warn' | 'error', sentence: string): void {
    this.rareLog.say(sentence, (said) => this.settings.logger[level](said));
  }
}

/** Without the port, which is another one each time that the same peer tries. */
function remoteOf(socket: RaftTcpSocket): string {
  return socket.netSocket.remoteAddress ?? 'an address that is gone';
}
