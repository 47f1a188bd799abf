import { setTimeout as sleep } from 'node:timers/promises';
import { ACCOUNTS } from './archive-entities';
import type { ArchiveNode } from './archive-node';

/** Clients that move money, each one transfer after the other, so often as is said. */
export class TransferLoad {
  acknowledged = 0;
  readonly failures: string[] = [];
  private stopping = false;
  private readonly clients: readonly Promise<void>[];

  private constructor(
    private readonly node: ArchiveNode,
    clients: number,
    private readonly everyMs: number,
  ) {
    this.clients = Array.from({ length: clients }, (_, client) => this.run(client));
  }

  static start(node: ArchiveNode, { clients = 4, everyMs = 50 } = {}): TransferLoad {
    return new TransferLoad(node, clients, everyMs);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.clients);
  }

  async more(count: number): Promise<void> {
    const wanted = this.acknowledged + count;
    while (this.acknowledged < wanted && !this.stopping) await sleep(5);
  }

  private async run(client: number): Promise<void> {
    for (let serial = client; !this.stopping; serial++) {
      const from = (serial % ACCOUNTS) + 1;
      const to = ((serial + 7) % ACCOUNTS) + 1;
      try {
        await this.node.post(`transfer/${from}/${to}`);
        this.acknowledged++;
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
      await sleep(this.everyMs);
    }
  }
}
