import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killEmbeddedPostgres } from '../../../apps/kv/src/embedded-postgres/kill-embedded-postgres';
import { eventually } from '../eventually';
import { freePorts } from '../free-ports';
import { type Answer, HttpClient, NoAnswerError, type RequestOptions } from '../http-client';
import { KvNode } from './kv-node';
import { testRun } from '../test-run';

export interface KvClusterOptions {
  /** Default 3. */
  readonly nodes?: number;
  /** Default `embedded`: a Postgres for each node. */
  readonly storage?: 'embedded' | 'memory';
  /** More of each node's command line. */
  readonly flags?: readonly string[];
  /** Modules that each node loads first, to watch it or to break it on purpose. */
  readonly preload?: readonly string[];
}

export interface LeaderOptions {
  /** Every node that runs has to know the leader. Default: a majority. */
  readonly all?: boolean;
  readonly withinMs?: number;
}

const LEADER_TIMEOUT_MS = 60_000;
/** Enough for nodes that make a database first, as where no template of one can be kept. */
const START_TIMEOUT_MS = 150_000;
const PATIENCE_MS = 30_000;
const RETRY_MS = 10;

/** A cluster of the sample app: real processes with real databases in a folder of its own. `stop()` ends and removes all. */
export class KvCluster {
  private stopped = false;
  private readonly forgetExit: () => void;

  private constructor(
    readonly nodes: KvNode[],
    readonly directory: string,
    readonly http: HttpClient,
    private readonly options: KvClusterOptions,
  ) {
    this.forgetExit = testRun().onProcessExit(() => {
      this.endNow();
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    });
  }

  /** Starts the nodes and waits until all know the leader. */
  static async start(options: KvClusterOptions = {}): Promise<KvCluster> {
    const cluster = await KvCluster.prepare(options);
    try {
      for (const node of cluster.nodes) await node.copyDatabase();
      cluster.startNodes();
      await cluster.leader({ all: true, withinMs: START_TIMEOUT_MS });
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** A cluster of which no node has been started. */
  static async prepare(options: KvClusterOptions = {}) {
    const { nodes = 3, storage = 'embedded', preload = [] } = options;
    const ports = await freePorts(2 * nodes);
    const directory = mkdtempSync(join(tmpdir(), 'kv-cluster-'));
    const flags = [...secretIn(directory), ...(options.flags ?? [])];
    const addresses = Array.from({ length: nodes }, (_, at) => ({
      id: `n${at + 1}`,
      httpPort: ports[2 * at]!,
      peerPort: ports[2 * at + 1]!,
    }));
    const founders = addresses.map(({ id, httpPort, peerPort }) => `${id}=127.0.0.1:${httpPort}/${peerPort}`).join(',');
    const http = new HttpClient();
    return new KvCluster(
      addresses.map(
        ({ id, httpPort, peerPort }) =>
          new KvNode({ id, httpPort, peerPort, founders, storage, directory, flags, preload }, http),
      ),
      directory,
      http,
      { ...options, flags },
    );
  }

  get running(): readonly KvNode[] {
    return this.nodes.filter((node) => node.running && !node.frozen);
  }

  node(id: string): KvNode {
    const node = this.nodes.find((each) => each.id === id);
    if (node === undefined) throw new Error(`There is no node ${id}`);
    return node;
  }

  /** Starts a node with an empty store, which joins through a member. */
  async join(id: string, through: KvNode, flags: readonly string[] = []): Promise<KvNode> {
    const [httpPort, peerPort] = (await freePorts(2)) as [number, number];
    const node = new KvNode(
      {
        id,
        httpPort,
        peerPort,
        founders: '',
        joinUrl: through.joinAddress,
        storage: this.options.storage ?? 'embedded',
        directory: this.directory,
        flags: [...(this.options.flags ?? []), ...flags],
        preload: this.options.preload ?? [],
      },
      this.http,
    );
    await node.copyDatabase();
    this.nodes.push(node);
    node.start();
    return node;
  }

  /** Ends all nodes in order and starts each, with its store, at another address, by a list that names the new ones. */
  async moveAll(): Promise<void> {
    const { storage = 'embedded', flags = [], preload = [] } = this.options;
    await Promise.all(this.nodes.map((node) => node.stop()));
    const ports = await freePorts(2 * this.nodes.length);
    const places = this.nodes.map(({ id }, at) => ({ id, httpPort: ports[2 * at]!, peerPort: ports[2 * at + 1]! }));
    const founders = places.map(({ id, httpPort, peerPort }) => `${id}=127.0.0.1:${httpPort}/${peerPort}`).join(',');
    places.forEach((place, at) => {
      this.nodes[at] = new KvNode(
        { ...place, founders, storage, directory: this.directory, flags, preload },
        this.http,
      );
    });
    this.startNodes();
  }

  startNodes(): void {
    for (const node of this.nodes) if (!node.running) node.start();
  }

  /** The node that leads, as a majority of all nodes says. */
  leader({ all = false, withinMs = LEADER_TIMEOUT_MS }: LeaderOptions = {}): Promise<KvNode> {
    return eventually(
      'a leader',
      async () => {
        const { running } = this;
        const statuses = await Promise.all(running.map((node) => node.status()));
        const leading = statuses
          .filter((status) => status?.isLeader === true)
          .toSorted((a, b) => b!.term - a!.term)
          .at(0);
        if (leading === undefined) return undefined;
        const agree = statuses.filter(
          (status) => status?.leader?.id === leading.replicaId && status.term === leading.term,
        );
        const needed = all ? running.length : Math.floor(this.nodes.length / 2) + 1;
        return agree.length >= needed ? this.node(leading.nodeId) : undefined;
      },
      { withinMs, describe: () => this.describe() },
    );
  }

  async followers(): Promise<readonly KvNode[]> {
    const leader = await this.leader({ all: true });
    return this.nodes.filter((node) => node !== leader);
  }

  /** SIGKILL of one node. Its Postgres goes on, and the next start takes it over. */
  async kill(node: KvNode): Promise<void> {
    await node.kill();
  }

  /**
   * Every node and every Postgres process is killed within one turn of the event loop. The databases go first: what a node
   * acknowledges in the moment that it outlives its database must be there too.
   */
  async powerCut(): Promise<void> {
    killEmbeddedPostgres(...this.nodes.flatMap((node) => (node.hasPostgres ? [node.postgresDir] : [])));
    const ended = this.nodes.filter((node) => node.running).map((node) => node.kill());
    await Promise.all(ended);
  }

  /** Starts the nodes that don't run, and waits until all know the leader. */
  async restart(options?: LeaderOptions): Promise<KvNode> {
    this.startNodes();
    return this.leader({ all: true, ...options });
  }

  /** One request to one node, by default to the leader; redirects are not followed. */
  async send(path: string, options: RequestOptions & { node?: KvNode } = {}): Promise<Answer> {
    const node = options.node ?? (await this.leader());
    return this.http.send(node.url + path, options);
  }

  /** Writes, over whichever node answers, until it is acknowledged: it may happen more than once. */
  put(key: string, value: string, options: RequestOptions & { node?: KvNode; withinMs?: number } = {}) {
    return this.insist(key, { ...options, method: 'PUT', body: value }, (answer) => answer.status === 200);
  }

  /** Reads, over whichever node answers, until there is an answer; `undefined` where the key is absent. */
  async get(key: string, options: RequestOptions & { node?: KvNode; withinMs?: number } = {}) {
    const answer = await this.insist(key, options, ({ status }) => status === 200 || status === 404);
    return answer.status === 404 ? undefined : answer.body;
  }

  /** Ends every process by its own id, and removes the data. Where a test failed, the nodes' logs are shown. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    if (testRun().failed) process.stderr.write(`${await this.describe(60)}\n`);
    this.endNow();
    await Promise.all(this.nodes.map((node) => node.gone()));
    this.forgetExit();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 20 });
  }

  /** What the nodes say of themselves and of late. */
  async describe(lines = 25): Promise<string> {
    const parts = await Promise.all(
      this.nodes.map(async (node) => {
        const status = node.running && !node.frozen ? await node.status() : undefined;
        const state =
          status === undefined
            ? node.running
              ? 'runs, and gives no status'
              : "doesn't run"
            : JSON.stringify({ ...status, members: undefined });
        return `--- ${node.id}: ${state}\n${node.lastLines(lines)}`;
      }),
    );
    return parts.join('\n');
  }

  private async insist(
    path: string,
    options: RequestOptions & { node?: KvNode; withinMs?: number },
    isDone: (answer: Answer) => boolean,
  ): Promise<Answer> {
    const { withinMs = PATIENCE_MS } = options;
    const deadline = performance.now() + withinMs;
    let last = '';
    for (let attempt = 0; performance.now() < deadline; attempt++) {
      const { running } = this;
      const node = options.node ?? running[attempt % running.length];
      if (node !== undefined)
        try {
          const answer = await this.http.send(node.url + path, { redirects: 3, ...options });
          if (isDone(answer)) return answer;
          last = `${node.id} answers ${answer.status} ${answer.body}`;
        } catch (error) {
          if (!(error instanceof NoAnswerError)) throw error;
          last = error.message;
        }
      await sleep(RETRY_MS);
    }
    throw new Error(
      `${options.method ?? 'GET'} ${path}: no success for ${withinMs} ms; ${last}\n${await this.describe()}`,
    );
  }

  /** Without waiting for anything: the process of the test run may be ending. */
  private endNow(): void {
    this.http.close();
    for (const node of this.nodes) node.signal('SIGKILL');
    for (const node of this.nodes) node.killPostgresNow();
  }
}

/** @returns the flags for a secret that is drawn for this cluster */
function secretIn(directory: string): readonly string[] {
  const file = join(directory, 'peer-secret');
  writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600 });
  return ['--peer-secret-file', file];
}
