import { setTimeout as sleep } from 'node:timers/promises';
import { NoAnswerError } from '../http-client';
import type { KvCluster } from '../kv/kv-cluster';
import type { KvNode } from '../kv/kv-node';
import { type Acknowledged, type BrokenPromises, isNotApplied, readBack } from './write-load';

/** From and to, as `Date.now()` gives them. */
export type Span = readonly [fromMs: number, toMs: number];

export interface SteadyLoadOptions {
  /** Default 8. */
  readonly clients?: number;
  /** So often each client begins a write, or as soon as the one before is done. Default 20. */
  readonly everyMs?: number;
  /** Different for each load on one cluster. */
  readonly prefix: string;
  /** Of each value. Default 64. */
  readonly valueBytes?: number;
  /** How many keys each client writes in turn, so that the state doesn't grow. Default: each key is written once. */
  readonly keysPerClient?: number;
  /** The nodes that clients send to. Default: those that run. */
  readonly nodes?: () => readonly KvNode[];
}

interface DoneWrite {
  readonly begunMs: number;
  readonly endedMs: number;
}

const RETRY_MS = 10;
/** A node that says that it goes is left alone for so long. */
const AVOIDED_MS = 1_000;
const GIVEN_UP_AFTER_MS = 30_000;

/**
 * A constant load of writes, as a service's own clients make it: what was refused for certain (503 and its like, or a
 * connection that never stood) is sent again, to the next node; anything else that isn't a success is a failed write.
 */
export class SteadyLoad {
  readonly acknowledged = new Map<string, Acknowledged>();
  /** Why writes failed: nobody can say what became of them, or nobody took them. */
  readonly failures: string[] = [];
  /** Answers that said for certain that nothing was applied. */
  refusals = 0;
  private readonly done: DoneWrite[] = [];
  private readonly avoidedUntilMs = new Map<KvNode, number>();
  private stopping = false;
  private readonly clients: readonly Promise<void>[];

  private constructor(
    private readonly cluster: KvCluster,
    private readonly options: SteadyLoadOptions,
  ) {
    this.clients = Array.from({ length: options.clients ?? 8 }, (_, client) => this.run(client));
  }

  static start(cluster: KvCluster, options: SteadyLoadOptions): SteadyLoad {
    return new SteadyLoad(cluster, options);
  }

  /** Lets the writes under way end. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.clients);
  }

  get writes(): number {
    return this.done.length;
  }

  /** Resolves when this many more writes have been acknowledged. */
  async more(count: number): Promise<void> {
    const wanted = this.done.length + count;
    while (this.done.length < wanted && !this.stopping) await sleep(5);
  }

  /** The longest time in which no write succeeded. */
  longestGapMs([fromMs, toMs]: Span): number {
    const ends = this.done.map(({ endedMs }) => endedMs).filter((endedMs) => endedMs > fromMs && endedMs < toMs);
    const moments = [fromMs, ...ends.toSorted((a, b) => a - b), toMs];
    return moments.reduce((longest, moment, at) => Math.max(longest, moment - (moments[at - 1] ?? moment)), 0);
  }

  /** How long each write took that was begun in that time, its retries included. */
  latenciesMs([fromMs, toMs]: Span): number[] {
    return this.done
      .filter(({ begunMs }) => begunMs >= fromMs && begunMs < toMs)
      .map(({ begunMs, endedMs }) => endedMs - begunMs);
  }

  /** Of keys that are written once. */
  brokenPromises(): Promise<BrokenPromises> {
    return readBack(this.cluster, this.acknowledged);
  }

  private nodeFor(turn: number): KvNode | undefined {
    const nodes = (this.options.nodes?.() ?? this.cluster.running).filter(
      (node) => (this.avoidedUntilMs.get(node) ?? 0) < Date.now(),
    );
    return nodes[turn % nodes.length];
  }

  private async run(client: number): Promise<void> {
    const { everyMs = 20, keysPerClient = Number.POSITIVE_INFINITY, prefix } = this.options;
    let dueMs = Date.now() + Math.random() * everyMs;
    for (let serial = 0; !this.stopping; serial++) {
      if (dueMs > Date.now()) await sleep(dueMs - Date.now());
      await this.write(`${prefix}/${client}/${serial % keysPerClient}`, serial, client + serial);
      dueMs = Math.max(dueMs + everyMs, Date.now());
    }
  }

  private async write(key: string, serial: number, firstNode: number): Promise<void> {
    const begunMs = Date.now();
    const { valueBytes = 64 } = this.options;
    const value = JSON.stringify(`${serial} `.padEnd(valueBytes, key));
    const givenUpMs = begunMs + GIVEN_UP_AFTER_MS;
    for (let turn = firstNode; Date.now() < givenUpMs; turn++) {
      const node = this.nodeFor(turn);
      if (node !== undefined)
        try {
          const answer = await this.cluster.http.send(node.url + key, { method: 'PUT', body: value, redirects: 3 });
          if (answer.status === 200) {
            this.done.push({ begunMs, endedMs: Date.now() });
            this.acknowledged.set(key, { value, etag: answer.headers.etag ?? '' });
            return;
          }
          if (!isNotApplied(answer)) {
            this.failures.push(`${key} at ${node.id}: ${answer.status} ${answer.body}`);
            return;
          }
          this.refusals++;
          if (/RAFT_(SHUTTING_DOWN|QUARANTINED)/.test(answer.body))
            this.avoidedUntilMs.set(node, Date.now() + AVOIDED_MS);
        } catch (error) {
          if (!(error instanceof NoAnswerError)) throw error;
          if (error.sent) {
            this.failures.push(`${key} at ${node.id}: ${error.message}`);
            return;
          }
        }
      await sleep(RETRY_MS);
    }
    this.failures.push(`${key}: nobody took it for ${GIVEN_UP_AFTER_MS} ms`);
  }
}
