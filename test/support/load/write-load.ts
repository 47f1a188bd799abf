import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, NoAnswerError } from '../http-client';
import type { KvCluster } from '../kv/kv-cluster';
import type { KvNode } from '../kv/kv-node';

/** Codes that promise that nothing was and nothing will be applied. */
const NOT_APPLIED: ReadonlySet<string> = new Set([
  'RAFT_NOT_LEADER',
  'RAFT_NO_LEADER',
  'RAFT_BUSY',
  'RAFT_STORAGE',
  'RAFT_SHUTTING_DOWN',
  'RAFT_NOT_STARTED',
  'RAFT_QUARANTINED',
]);
const PAUSE_AFTER_FAILURE_MS = 20;

export interface Acknowledged {
  readonly value: string;
  /** The index at which it was applied. A command that was applied once more later has another one. */
  readonly etag: string;
}

/** What should be in the store, and isn't, or the other way round; all empty where the promises were kept. */
export interface BrokenPromises {
  readonly missing: readonly string[];
  readonly doubled: readonly string[];
  readonly appliedThoughRefused: readonly string[];
}

export const NONE_BROKEN: BrokenPromises = { missing: [], doubled: [], appliedThoughRefused: [] };

/** Clients that write, each key once, and remember what they were told. */
export class WriteLoad {
  readonly acknowledged = new Map<string, Acknowledged>();
  readonly refused = new Set<string>();
  /** No answer, or one that says that it isn't known. */
  readonly unknown = new Set<string>();
  private stopping = false;
  private readonly clients: readonly Promise<void>[];

  private constructor(
    private readonly cluster: KvCluster,
    clients: number,
    private readonly prefix: string,
  ) {
    this.clients = Array.from({ length: clients }, (_, client) => this.write(client));
  }

  /** @param prefix of the keys; different for each load on one cluster */
  static start(cluster: KvCluster, { clients = 64, prefix = '/load' }: { clients?: number; prefix?: string } = {}) {
    return new WriteLoad(cluster, clients, prefix);
  }

  /** Lets the requests under way end. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.clients);
  }

  /** Resolves when this many more writes have been acknowledged. */
  async moreAcknowledged(count: number): Promise<void> {
    const wanted = this.acknowledged.size + count;
    while (this.acknowledged.size < wanted && !this.stopping) await sleep(5);
  }

  /** Reads everything back, linearizably, from the leader. */
  brokenPromises(): Promise<BrokenPromises> {
    return readBack(this.cluster, this.acknowledged, this.refused);
  }

  private async write(client: number): Promise<void> {
    for (let serial = 0; !this.stopping; serial++) {
      const node = this.nodeFor(client + serial);
      if (node === undefined) await sleep(PAUSE_AFTER_FAILURE_MS);
      else await this.writeOnce(node, `${this.prefix}/${client}/${serial}`);
    }
  }

  private nodeFor(turn: number): KvNode | undefined {
    const { running } = this.cluster;
    return running[turn % running.length];
  }

  private async writeOnce(node: KvNode, key: string): Promise<void> {
    const value = JSON.stringify({ key });
    try {
      const answer = await this.cluster.http.send(node.url + key, { method: 'PUT', body: value, redirects: 3 });
      if (answer.status === 200) {
        this.acknowledged.set(key, { value, etag: answer.headers.etag ?? '' });
        return;
      }
      if (isNotApplied(answer)) this.refused.add(key);
      else this.unknown.add(key);
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      if (error.sent) this.unknown.add(key);
    }
    await sleep(PAUSE_AFTER_FAILURE_MS);
  }
}

/** Whether an answer promises that nothing was and nothing will be applied: the write may be sent again. */
export function isNotApplied({ body }: Answer): boolean {
  try {
    return NOT_APPLIED.has(String((JSON.parse(body) as { code?: unknown }).code));
  } catch {
    return false;
  }
}

/** Reads keys back, linearizably, from the leader. */
export async function readBack(
  cluster: KvCluster,
  acknowledged: ReadonlyMap<string, Acknowledged>,
  refused: ReadonlySet<string> = new Set(),
): Promise<BrokenPromises> {
  const broken = { missing: [] as string[], doubled: [] as string[], appliedThoughRefused: [] as string[] };
  const leader = await cluster.leader();
  const read = (key: string) => cluster.http.send(leader.url + key);
  await forEach([...acknowledged], async ([key, { value, etag }]) => {
    const answer = await read(key);
    if (answer.status === 404) broken.missing.push(key);
    else if (answer.status !== 200) throw new Error(`GET ${key} answers ${answer.status}: ${answer.body}`);
    else if (answer.headers.etag !== etag || answer.body !== value) broken.doubled.push(key);
  });
  await forEach([...refused], async (key) => {
    if ((await read(key)).status === 200) broken.appliedThoughRefused.push(key);
  });
  return broken;
}

const READERS = 64;

async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: READERS }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
