import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What happens to the next write:
 * - `before`: the connection is cut before any of it reaches the server;
 * - `during`: half of it reaches the server;
 * - `atOnce`: all of it is sent on, and the connection cut in the same moment;
 * - `after`: the server does it, and its answer is lost with the connection;
 * - `hold`: it is kept on the way, and the connection stays.
 */
export type Mishap = 'before' | 'during' | 'atOnce' | 'after' | 'hold';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  requests: number;
}

/** A wire between a Postgres client and its server that can be cut, at a moment of one's choice. */
export class PostgresProxy {
  private readonly links = new Set<Link>();
  /** The connection of the latest write. */
  private writer: Link | undefined;
  /** Sockets that stay open, and nothing comes through any more. */
  private readonly mute = new Set<Socket>();
  private mishap: Mishap | undefined;
  private held: { readonly server: Socket; readonly bytes: Buffer } | undefined;
  private holdsNow: (() => void) | undefined;
  /** Whether the server can't be reached: every new connection is closed at once. */
  unreachable = false;
  /** Whether every new connection is taken, and nothing ever comes of it. */
  silent = false;
  private countdown = 0;
  private whenCounted: (() => void) | undefined;

  private constructor(
    private readonly listener: Server,
    private readonly isWrite: (bytes: Buffer) => boolean,
  ) {}

  /** @param isWrite tells the requests to which a mishap can happen. Default: writes of the log */
  static async start(serverPort: number, isWrite = isLogWrite): Promise<PostgresProxy> {
    const listener = createServer({ noDelay: true });
    const proxy = new PostgresProxy(listener, isWrite);
    listener.on('connection', (client) => {
      if (proxy.unreachable) client.destroy();
      else if (proxy.silent) proxy.silence(client);
      else proxy.link(client, connect({ port: serverPort, noDelay: true }));
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  /** How often the client has sent something after it had been answered, on the connection that writes come by. */
  get requestsOfWriter(): number {
    return this.writer?.requests ?? 0;
  }

  /** Lets something happen to the next write that comes by. */
  onNextWrite(mishap: Mishap): void {
    this.mishap = mishap;
  }

  /** Resolves when a write is being held. */
  async untilHeld(): Promise<void> {
    if (this.held) return;
    await new Promise<void>((resolve) => {
      this.holdsNow = resolve;
    });
  }

  /** Lets the held write go on to the server, if its connection is still there. */
  letGo(): void {
    if (this.held?.server.writable) this.held.server.write(this.held.bytes);
    this.held = undefined;
  }

  /** The connections that are there stay open, and nothing comes through them any more, not even their end. */
  blackHole(): void {
    for (const { client, server } of this.links) {
      this.silence(client);
      this.silence(server);
    }
    this.links.clear();
  }

  /** Calls `then` with the request that comes so many requests from now, before it is sent on. */
  afterRequests(count: number, then: () => void): void {
    this.countdown = count;
    this.whenCounted = then;
  }

  cutAll(): void {
    for (const { client, server } of this.links) {
      client.destroy();
      server.destroy();
    }
  }

  async stop(): Promise<void> {
    this.cutAll();
    for (const socket of this.mute) socket.destroy();
    this.held?.server.destroy();
    this.listener.close();
    await once(this.listener, 'close');
  }

  private silence(socket: Socket): void {
    socket
      .removeAllListeners('data')
      .removeAllListeners('close')
      .on('error', () => undefined);
    socket.on('data', () => undefined);
    this.mute.add(socket);
  }

  private link(client: Socket, server: Socket): void {
    const link: Link = { client, server, requests: 0 };
    let answered = true;
    let silent = false;
    this.links.add(link);
    const forget = () => this.links.delete(link);
    client.on('data', (bytes) => {
      if (answered) {
        link.requests++;
        if (--this.countdown === 0) this.whenCounted?.();
        if (!this.links.has(link)) return;
      }
      answered = false;
      const isWrite = this.isWrite(bytes);
      if (isWrite) this.writer = link;
      const mishap = isWrite ? this.mishap : undefined;
      if (mishap) this.mishap = undefined;
      switch (mishap) {
        case undefined:
          server.write(bytes);
          return;
        case 'before':
          server.destroy();
          client.destroy();
          return;
        case 'during':
          server.end(bytes.subarray(0, bytes.length >>> 1));
          client.destroy();
          return;
        case 'atOnce':
          server.end(bytes);
          client.destroy();
          return;
        case 'after':
          silent = true;
          server.write(bytes);
          return;
        case 'hold':
          this.held = { server, bytes };
          this.links.delete(link);
          this.holdsNow?.();
      }
    });
    server.on('data', (bytes) => {
      answered = true;
      if (!silent) client.write(bytes);
      else {
        client.destroy();
        server.destroy();
      }
    });
    client
      .on('error', () => undefined)
      .on('close', () => {
        forget();
        // A client that went away doesn't take a held write's connection with it: the server hasn't heard of it.
        if (this.held?.server !== server) server.destroy();
      });
    server
      .on('error', () => undefined)
      .on('close', () => {
        forget();
        client.destroy();
      });
  }
}

function isLogWrite(bytes: Buffer): boolean {
  return bytes.includes('raft_append\0') || bytes.includes('raft_write\0');
}
