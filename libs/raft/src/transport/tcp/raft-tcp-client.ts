import type { Type } from '@nestjs/common';
import { ClientTCP } from '@nestjs/microservices';
import type { ConnectionOptions } from 'node:tls';
import type { HostAndPort } from './options/address';
import type { RaftTcpSocket } from './raft-tcp-socket';

export interface RaftTcpClientOptions extends HostAndPort {
  readonly tlsOptions: ConnectionOptions | undefined;
  readonly socketClass: Type<RaftTcpSocket>;
}

/** Nest's TCP client for one peer. What its socket receives goes to the connection, not to waiting RPC calls: there are none. */
export class RaftTcpClient extends ClientTCP {
  private created: RaftTcpSocket | undefined;

  constructor({ host, port, socketClass, tlsOptions }: RaftTcpClientOptions) {
    super({ host, port, socketClass, ...(tlsOptions && { tlsOptions }) });
  }

  /** @returns the socket of a new attempt; how the attempt ends, its events tell */
  dial(): RaftTcpSocket {
    this.connect().catch(() => undefined);
    const socket = this.created;
    this.created = undefined;
    if (socket === undefined) throw new Error('dialled while the attempt before is still open');
    return socket;
  }

  override createSocket(): RaftTcpSocket {
    this.created = super.createSocket() as RaftTcpSocket;
    return this.created;
  }

  override async handleResponse(): Promise<void> {}

  override handleError(): void {}
}
