import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import * as raft from 'nestjs-raft';
import { decodeJson, encodeJson } from './json-bytes';

/** Lines of JSON. Each side says hello, and answers the other's hello by taking it in or not. */
type Line = { hello: raft.Hello } | { admitted: true } | { refused: string } | { message: raft.PeerMessage };

const MOST_UNSENT_BYTES = 1024 * 1024;
const LONGEST_MESSAGE_BYTES = 32 * 1024 * 1024;
const REDIAL_MS = 100;

/** A connection that this node dialled, or that leads to it: messages go from who dialled to who listens. */
class Connection {
  peer: raft.Hello | undefined;
  welcome = false;
  wasRefused: string | undefined;

  constructor(
    readonly socket: Socket,
    private readonly host: raft.TransportHost,
    private readonly changed: () => void,
  ) {
    socket.setNoDelay(true);
    const lines = createInterface({ input: socket, crlfDelay: Infinity });
    lines.on('line', (text) => this.take(decodeJson(text) as Line));
    lines.on('error', () => socket.destroy());
  }

  get isOpen(): boolean {
    return this.peer !== undefined && this.welcome && !this.socket.destroyed;
  }

  write(line: Line): void {
    if (!this.socket.destroyed) this.socket.write(`${encodeJson(line)}\n`);
  }

  private take(line: Line): void {
    if (this.socket.destroyed) return;
    if ('hello' in line) this.judge(line.hello);
    else if ('message' in line) {
      if (this.peer !== undefined) this.host.receive(line.message, this.peer);
    } else if ('refused' in line) {
      this.wasRefused = line.refused;
      this.socket.end();
    } else this.welcome = true;
    this.changed();
  }

  private judge(hello: raft.Hello): void {
    const refusal = this.host.admit(hello);
    this.peer = refusal === undefined ? hello : undefined;
    this.wasRefused = refusal;
    this.write(refusal === undefined ? { admitted: true } : { refused: refusal });
    if (refusal !== undefined) this.socket.end();
  }
}

/** A transport to read along with: one TCP connection to each peer, one line of JSON for each message. */
export class LineTransport implements raft.RaftTransport {
  private readonly dialled = new Map<string, Connection | undefined>();
  private readonly states = new Map<string, raft.PeerConnectionState>();
  private readonly accepted = new Set<Connection>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private host: raft.TransportHost | undefined;
  private server: Server | undefined;

  /** @param listen `host:port`; port 0 for any that is free */
  constructor(private readonly listen: string) {}

  async start(host: raft.TransportHost): Promise<string> {
    const [, name = '', port = ''] = /^(.+):(\d+)$/.exec(this.listen) ?? [];
    this.server = createServer((socket) => this.accept(socket, host)).listen(Number(port), name);
    await once(this.server, 'listening').catch((error: unknown) => {
      throw new raft.RaftError('RAFT_CONFIGURATION', `peers.listen: ${this.listen} can't be had (${String(error)}).`);
    });
    this.host = host;
    for (const address of this.dialled.keys()) this.dial(address);
    return `${name}:${(this.server.address() as { port: number }).port}`;
  }

  connect(address: string): void {
    if (this.dialled.has(address)) return;
    this.dialled.set(address, undefined);
    if (this.host !== undefined) this.dial(address);
  }

  disconnect(address: string): void {
    const connection = this.dialled.get(address);
    this.dialled.delete(address);
    this.states.delete(address);
    connection?.socket.destroy();
  }

  send(address: string, message: raft.PeerMessage): boolean {
    const connection = this.dialled.get(address);
    if (!connection?.isOpen || connection.socket.writableLength > MOST_UNSENT_BYTES) return false;
    if ('body' in message && message.body.length > LONGEST_MESSAGE_BYTES) return false;
    connection.write({ message });
    return true;
  }

  backlogBytes = (address: string): number => this.dialled.get(address)?.socket.writableLength ?? 0;

  announce(): void {
    const { host } = this;
    if (host === undefined) return;
    for (const connection of [...this.dialled.values(), ...this.accepted]) connection?.write({ hello: host.hello() });
  }

  async stop(): Promise<void> {
    this.host = undefined;
    for (const timer of this.timers) clearTimeout(timer);
    for (const connection of [...this.dialled.values(), ...this.accepted]) connection?.socket.destroy();
    this.dialled.clear();
    if (this.server?.listening) await once(this.server.close(), 'close');
  }

  private accept(socket: Socket, host: raft.TransportHost): void {
    const connection = new Connection(socket, this.whileStarted(host), () => undefined);
    this.accepted.add(connection);
    socket.on('error', () => undefined).on('close', () => this.accepted.delete(connection));
    connection.write({ hello: host.hello() });
  }

  private dial(address: string): void {
    const { host } = this;
    const [, name, port] = /^(.+):(\d+)$/.exec(address) ?? [];
    if (host === undefined || !this.dialled.has(address)) return;
    this.tell(address, 'connecting', '');
    if (name === undefined) return;
    const connection = new Connection(connect(Number(port), name), this.whileStarted(host), () => {
      if (connection.isOpen) this.tell(address, 'connected', '');
    });
    this.dialled.set(address, connection);
    let why = '';
    connection.socket
      .on('connect', () => connection.write({ hello: host.hello() }))
      .on('error', (error) => (why = error.message))
      .on('close', () => {
        if (this.host === undefined || this.dialled.get(address) !== connection) return;
        const wasConnected = this.states.get(address) === 'connected' && connection.wasRefused === undefined;
        this.tell(address, wasConnected ? 'closed' : 'refused', connection.wasRefused ?? why);
        const timer = setTimeout(() => {
          this.timers.delete(timer);
          this.dial(address);
        }, REDIAL_MS);
        this.timers.add(timer);
      });
  }

  private tell(address: string, state: raft.PeerConnectionState, detail: string): void {
    if (this.host === undefined || this.states.get(address) === state) return;
    this.states.set(address, state);
    this.host.connectionChanged(address, state, detail);
  }

  /** What still arrives when the transport is stopped is nobody's business. */
  private whileStarted(host: raft.TransportHost): raft.TransportHost {
    return {
      hello: () => host.hello(),
      admit: (peer) => (this.host === undefined ? 'this node is being stopped' : host.admit(peer)),
      receive: (message, sender) => this.host?.receive(message, sender),
      connectionChanged: () => undefined,
    };
  }
}
