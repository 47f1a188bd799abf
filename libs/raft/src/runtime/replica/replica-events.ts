import type { Kernel } from '../../core/base/kernel-api';
import { entrySizeBytes, type Entry } from '../../core/base/entry';
import type { GroupWrite } from '../../storage/contract';
import type { NodeEvents } from '../events/node-events';
import type { PeerLinks } from '../peers/peer-links';
import type { Scheduler } from '../base/scheduler';
import type { SnapshotFetch } from '../snapshots/snapshot-fetcher';
import type { SnapshotInfo } from '../status/snapshot-status';
import type { QueueLengths } from '../status/status';

/** How often the lengths of the queues are told. */
const QUEUES_EVERY_MS = 1000;

/** Puts together what a replica tells of its disk, its state machine and its queues, each only where somebody listens. */
export class ReplicaEvents {
  private queuesToldAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly events: NodeEvents,
    private readonly scheduler: Scheduler,
    private readonly links: PeerLinks,
  ) {}

  persisted({ number: batch, entries }: GroupWrite, durationMs: number): void {
    const { persist } = this.events.taps;
    if (persist.isHeard) persist.emit({ batch, entries: entries.length, bytes: bytesOf(entries), durationMs });
  }

  applied(entries: readonly Entry[], durationMs: number): void {
    const { apply } = this.events.taps;
    if (!apply.isHeard) return;
    const [firstIndex, lastIndex] = [entries[0]!.index, entries[entries.length - 1]!.index];
    apply.emit({ firstIndex, lastIndex, entries: entries.length, bytes: bytesOf(entries), durationMs });
  }

  /** @param fetch where the snapshot came from, and when it was first asked for */
  installed({ index, term, sizeBytes }: SnapshotInfo, fetch: SnapshotFetch | undefined): void {
    const tap = this.events.taps['snapshot-installed'];
    if (fetch === undefined || !tap.isHeard) return;
    const durationMs = this.scheduler.nowMs() - fetch.startedMs;
    tap.emit({ index, term, sizeBytes, peer: fetch.sourceName, durationMs });
  }

  tick(nowMs: number, kernel: Kernel, lengths: () => QueueLengths): void {
    const { queues } = this.events.taps;
    if (!queues.isHeard || nowMs - this.queuesToldAtMs < QUEUES_EVERY_MS) return;
    this.queuesToldAtMs = nowMs;
    const peers = kernel.progress().map(({ id, inflightMessages, inflightBytes }) => ({
      peer: this.links.routes.memberOf(id)?.name ?? '',
      inflightMessages,
      inflightBytes,
    }));
    queues.emit({ ...lengths(), peers });
  }
}

function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entrySizeBytes(entry);
  return bytes;
}
