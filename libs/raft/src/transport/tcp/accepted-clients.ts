import { fitsBacklog } from '../backlog';
import { encodeFrame } from '../codec';
import type { ClientChannel, ClientHost, Hello, PeerMessage, ResponseMessage } from '../contract';
import { errorText } from './options/error-text';
import type { PeerConnection } from './peer-connection';
import type { TcpTransportSettings } from './options/tcp-transport-options';

export interface AcceptedClientsPorts {
  /** Undefined where the node serves none, or is stopping. */
  host(): ClientHost | undefined;
  /** The host must not throw; if it does, the fault isn't the connection's. */
  guarded(what: string, call: () => void): void;
}

/** The connections of clients to this node. Calls come in over them, and the answers go out over the same. */
export class AcceptedClients {
  private readonly channels = new Map<PeerConnection, ClientChannel>();

  constructor(
    private readonly settings: TcpTransportSettings,
    private readonly ports: AcceptedClientsPorts,
  ) {}

  admit(client: Hello, connection: PeerConnection): string | undefined {
    const host = this.ports.host();
    if (host === undefined) return 'this node is stopping, or serves no clients';
    const most = this.settings.clients?.maxConnections ?? 0;
    if (!this.channels.has(connection) && this.channels.size >= most)
      return `${most} clients are connected already (\`peers.clients.maxConnections\`): try another node`;
    const refusal = host.admit(client);
    if (refusal === undefined && !this.channels.has(connection))
      this.channels.set(connection, this.channelOf(client, connection));
    return refusal;
  }

  receive(message: PeerMessage, connection: PeerConnection): void {
    const channel = this.channels.get(connection);
    if (channel === undefined || message.kind !== 'request') return;
    this.ports.guarded('receive', () => this.ports.host()?.receive(message, channel));
  }

  ended(connection: PeerConnection): void {
    const channel = this.channels.get(connection);
    if (channel === undefined) return;
    this.channels.delete(connection);
    this.ports.guarded('ended', () => this.ports.host()?.ended(channel));
  }

  clear(): void {
    this.channels.clear();
  }

  private channelOf(client: Hello, connection: PeerConnection): ClientChannel {
    const { maxFrameBytes, logger } = this.settings;
    return {
      client,
      remoteAddress: connection.socket.netSocket.remoteAddress ?? 'unknown',
      send: (response: ResponseMessage): boolean => {
        if (!connection.isOpen || !fitsBacklog(response.kind, connection.socket.backlogBytes)) return false;
        try {
          connection.socket.sendMessage(encodeFrame(response, maxFrameBytes));
          return true;
        } catch (error) {
          logger.error(`an answer to the client ${client.nodeName} was dropped: ${errorText(error)}`);
          return false;
        }
      },
      get backlogBytes() {
        return connection.socket.backlogBytes;
      },
      close: (detail) => connection.close(detail),
    };
  }
}
