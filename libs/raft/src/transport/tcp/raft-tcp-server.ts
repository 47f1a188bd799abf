import type { Type } from '@nestjs/common';
import { ServerTCP } from '@nestjs/microservices';
import type { Server, Socket } from 'node:net';
import type { SecureContextOptions, Server as TlsServer, TlsOptions } from 'node:tls';
import { formatAddress, type HostAndPort } from './options/address';
import type { ConnectionPlaces } from './handshake/connection-places';
import { errorText } from './options/error-text';
import type { RaftTcpSocket } from './raft-tcp-socket';

export interface RaftTcpServerOptions extends HostAndPort {
  readonly tlsOptions: TlsOptions | undefined;
  readonly socketClass: Type<RaftTcpSocket>;
  readonly places: ConnectionPlaces;
  readonly onConnection: (socket: RaftTcpSocket) => void;
  /** Something went wrong before, or beside, a connection; nothing depends on it. */
  readonly onFailure: (sentence: string) => void;
}

/**
 * Nest's TCP server, hosted by the transport itself: it has none of the application's message patterns, and its frames go
 * straight to the connection instead of through the RPC pipeline.
 */
export class RaftTcpServer extends ServerTCP {
  private readonly accepting: RaftTcpServerOptions;
  /** Every socket, those included that are still in their TLS handshake, which Nest doesn't know yet. */
  private readonly sockets = new Set<Socket>();

  constructor(options: RaftTcpServerOptions) {
    const { host, port, socketClass, tlsOptions } = options;
    super({ host, port, socketClass, ...(tlsOptions && { tlsOptions }) });
    this.accepting = options;
    const server = this.netServer;
    server.on('connection', (socket) => this.track(socket));
    server.on('tlsClientError', (error: Error, socket: Socket) =>
      options.onFailure(`a TLS handshake with ${socket.remoteAddress ?? 'a peer'} failed: ${error.message}`),
    );
  }

  /** @returns the address that it is bound to */
  async listening(): Promise<string> {
    const server = this.netServer;
    await new Promise<void>((resolve, reject) => {
      // Nest calls back for two kinds of error only; a port that one may not open would leave the start hanging.
      server.once('error', reject);
      server.listen(this.port, this.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    const bound = server.address();
    return formatAddress({
      host: this.host,
      port: typeof bound === 'object' && bound !== null ? bound.port : this.port,
    });
  }

  override bindHandler(socket: Socket): void {
    // After an error comes the close, and that is what the connection reacts to.
    this.accepting.onConnection(new this.socketClass(socket) as RaftTcpSocket);
  }

  /** Ends every connection, and resolves when the port is free. */
  async closed(): Promise<void> {
    const server = this.netServer;
    const closed = server.listening
      ? new Promise<void>((resolve) => server.once('close', () => resolve()))
      : Promise.resolve();
    this.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  protected override handleError(error: unknown): void {
    // Until it listens, the caller that started it is told.
    if (this.netServer.listening) this.accepting.onFailure(`the peer listener reported: ${errorText(error)}`);
  }

  /** From now on connections are made with these. */
  setSecureContext(options: SecureContextOptions): void {
    (this.netServer as TlsServer).setSecureContext(options);
  }

  private get netServer(): Server {
    return this.unwrap<Server>();
  }

  private track(socket: Socket): void {
    const key = placeOf(socket);
    this.sockets.add(socket);
    this.accepting.places.arrived(key, socket.remoteAddress ?? '', () => socket.destroy());
    socket.once('close', () => {
      this.sockets.delete(socket);
      this.accepting.places.left(key);
    });
  }
}

/** The same for a connection and for the TLS session on it. */
export function placeOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
