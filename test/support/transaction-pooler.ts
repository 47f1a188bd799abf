import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const READY_FOR_QUERY = 'Z'.charCodeAt(0);
const BACKEND_KEY_DATA = 'K'.charCodeAt(0);
const TERMINATE = 'X'.charCodeAt(0);
const IDLE = 'I'.charCodeAt(0);

interface Backend {
  readonly socket: Socket;
  readonly greeting: Buffer;
}

/**
 * A proxy as PgBouncer in transaction mode: a client gets whichever backend is idle, for as long as its transaction lasts.
 * Servers must trust it. It is as small as it can be: enough to be mistaken for a server.
 */
export class TransactionPooler {
  /** The one that was given back last is given out first, as PgBouncer does; or the other way round. */
  private readonly idle: Backend[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly listener: Server,
    private readonly server: string,
    private readonly options: { readonly showsBackendPid: boolean; readonly order: 'lastFirst' | 'firstFirst' },
  ) {}

  static async start(
    server: string,
    options: { readonly showsBackendPid: boolean; readonly order: 'lastFirst' | 'firstFirst' },
  ): Promise<TransactionPooler> {
    const listener = createServer({ noDelay: true });
    const pooler = new TransactionPooler(listener, server, options);
    listener.on('connection', (client) => pooler.serve(client));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return pooler;
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.listener.close();
    await once(this.listener, 'close');
  }

  private serve(client: Socket): void {
    this.track(client);
    let backend: Backend | undefined;
    let waiting = Promise.resolve();
    let started = false;
    const onData = async (bytes: Buffer) => {
      if (!started) {
        started = true;
        const fresh = await this.connect(bytes);
        this.idle.push(fresh);
        client.write(this.options.showsBackendPid ? fresh.greeting : withoutPid(fresh.greeting));
        return;
      }
      if (bytes[0] === TERMINATE) {
        client.destroy();
        return;
      }
      backend ??= this.options.order === 'lastFirst' ? this.idle.pop() : this.idle.shift();
      const taken = backend;
      if (!taken) throw new Error('No backend is idle');
      taken.socket.removeAllListeners('data');
      taken.socket.on('data', (answer: Buffer) => {
        client.write(answer);
        if (endsTransaction(answer)) {
          taken.socket.removeAllListeners('data');
          this.idle.push(taken);
          backend = undefined;
        }
      });
      taken.socket.write(bytes);
    };
    client.on('data', (bytes: Buffer) => {
      waiting = waiting.then(() => onData(bytes)).catch(() => void client.destroy());
    });
  }

  private async connect(startup: Buffer): Promise<Backend> {
    const socket = connect(this.server);
    this.track(socket);
    await once(socket, 'connect');
    socket.write(startup);
    let greeting = Buffer.alloc(0);
    while (!endsTransaction(greeting)) {
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      greeting = Buffer.concat([greeting, bytes]);
    }
    return { socket, greeting };
  }

  private track(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.sockets.delete(socket));
  }
}

function endsTransaction(bytes: Buffer): boolean {
  const at = bytes.length - 6;
  return at >= 0 && bytes[at] === READY_FOR_QUERY && bytes.readInt32BE(at + 1) === 5 && bytes[at + 5] === IDLE;
}

function withoutPid(greeting: Buffer): Buffer {
  const changed = Buffer.from(greeting);
  for (let at = 0; at < changed.length; at += 1 + changed.readInt32BE(at + 1))
    if (changed[at] === BACKEND_KEY_DATA) changed.writeInt32BE(0x7f00_0001, at + 5);
  return changed;
}
