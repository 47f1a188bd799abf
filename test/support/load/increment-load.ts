import { setTimeout as sleep } from 'node:timers/promises';
import { NoAnswerError } from '../http-client';
import type { KvCluster } from '../kv/kv-cluster';

/** Clients that increment one counter together: read it with its ETag, write one more with If-Match. */
export class IncrementLoad {
  /** Answered with 200. */
  acknowledged = 0;
  /** Sent, without an answer that says what became of it. */
  unknown = 0;
  conflicts = 0;
  private readonly etags = new Set<string>();
  private stopping = false;
  private readonly clients: readonly Promise<void>[];

  private constructor(
    private readonly cluster: KvCluster,
    private readonly key: string,
    clients: number,
  ) {
    this.clients = Array.from({ length: clients }, (_, client) => this.increment(client));
  }

  static async start(cluster: KvCluster, key: string, clients: number): Promise<IncrementLoad> {
    await cluster.put(key, '0');
    return new IncrementLoad(cluster, key, clients);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.clients);
  }

  /** How far the counter is off what was acknowledged: below 0 increments were lost, above 0 some happened twice. */
  async drift(): Promise<number> {
    if (this.etags.size !== this.acknowledged) throw new Error('Two acknowledged increments have the same ETag');
    const value = Number(await this.cluster.get(this.key));
    if (value < this.acknowledged) return value - this.acknowledged;
    return Math.max(0, value - this.acknowledged - this.unknown);
  }

  private async increment(client: number): Promise<void> {
    for (let turn = client; !this.stopping; turn++) {
      const { running } = this.cluster;
      const node = running[turn % running.length];
      if (node === undefined || !(await this.once(node.url + this.key))) await sleep(20);
    }
  }

  private async once(url: string): Promise<boolean> {
    let sent = false;
    try {
      const before = await this.cluster.http.send(url, { redirects: 3 });
      if (before.status !== 200) return false;
      sent = true;
      const answer = await this.cluster.http.send(url, {
        method: 'PUT',
        headers: { 'if-match': before.headers.etag ?? '' },
        body: String(Number(before.body) + 1),
        redirects: 3,
      });
      if (answer.status === 200) {
        this.acknowledged++;
        this.etags.add(answer.headers.etag ?? '');
        return true;
      }
      if (answer.status === 409) this.conflicts++;
      else this.unknown++;
      return answer.status === 409;
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      if (sent) this.unknown++;
      return false;
    }
  }
}
