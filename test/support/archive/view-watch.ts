import { setTimeout as sleep } from 'node:timers/promises';
import type { View } from './archive-entities';
import { mixtureIn } from './archive-entities';
import type { ArchiveNode } from './archive-node';

const EVERY_MS = 20;

/**
 * Reads a node's tables all along, past the node and through its own stale reads, and keeps what was of different moments. A
 * node that isn't there, or doesn't answer yet, shows nothing.
 */
export class ViewWatch {
  readonly mixtures: string[] = [];
  /** Seen by those who read past the node. */
  readonly generations = new Set<number>();
  seenEmpty = false;
  reads = 0;
  answersOfNode = 0;
  longestReadMs = 0;
  private stopping = false;
  private readonly readers: readonly Promise<void>[];

  private constructor(private readonly node: ArchiveNode) {
    this.readers = [this.readTables(), this.readNode()];
  }

  static start(node: ArchiveNode): ViewWatch {
    return new ViewWatch(node);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.readers);
  }

  private async readTables(): Promise<void> {
    const client = await this.node.connect();
    try {
      while (!this.stopping) {
        const startedMs = performance.now();
        const view = await this.node.tables(client);
        this.longestReadMs = Math.max(this.longestReadMs, performance.now() - startedMs);
        if (view !== undefined) {
          this.reads++;
          this.look(view, 'the tables');
          if (view.accounts === 0) this.seenEmpty = true;
          else this.generations.add(view.generation);
        }
        await sleep(EVERY_MS);
      }
    } finally {
      await client.end();
    }
  }

  private async readNode(): Promise<void> {
    while (!this.stopping) {
      const view = await this.node.view();
      if (view !== undefined) {
        this.answersOfNode++;
        this.look(view, 'the node');
      }
      await sleep(EVERY_MS);
    }
  }

  private look(view: View, where: string): void {
    const mixture = mixtureIn(view);
    if (mixture !== undefined) this.mixtures.push(`${where}: ${mixture}`);
  }
}
