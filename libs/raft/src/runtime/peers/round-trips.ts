import type { Message } from '../../core/base/messages';
import type { ReplicaId } from '../../core/base/types';
import type { NodeEvents } from '../events/node-events';
import type { Scheduler } from '../base/scheduler';

/** Appends of which the answer's time is waited for; those before aren't measured. */
const MOST_UNDER_WAY = 256;

/** How long peers take to answer this leader, where anybody wants to know. */
export class RoundTrips {
  private readonly sentAtMs = new Map<string, number>();

  constructor(
    private readonly events: NodeEvents,
    private readonly scheduler: Scheduler,
    private readonly nameOf: (replica: ReplicaId) => string,
  ) {}

  sent(message: Message): void {
    if (message.kind !== 'appendEntries' || !this.events.taps['round-trip'].isHeard) return;
    const oldest = this.sentAtMs.size >= MOST_UNDER_WAY ? this.sentAtMs.keys().next().value : undefined;
    if (oldest !== undefined) this.sentAtMs.delete(oldest);
    this.sentAtMs.set(requestOf(message.to, message.sequence), this.scheduler.nowMs());
  }

  received(message: Message): void {
    const { kind } = message;
    if (kind !== 'appendEntriesReply' && kind !== 'heartbeatReply') return;
    const tap = this.events.taps['round-trip'];
    if (!tap.isHeard) return;
    const sentAtMs = kind === 'heartbeatReply' ? message.sentAtMs : this.taken(message.from, message.sequence);
    if (sentAtMs === undefined) return;
    tap.emit({
      peer: this.nameOf(message.from),
      kind: kind === 'heartbeatReply' ? 'heartbeat' : 'append',
      durationMs: Math.max(0, this.scheduler.nowMs() - sentAtMs),
    });
  }

  private taken(from: ReplicaId, sequence: number): number | undefined {
    const request = requestOf(from, sequence);
    const sentAtMs = this.sentAtMs.get(request);
    this.sentAtMs.delete(request);
    return sentAtMs;
  }
}

function requestOf(replica: ReplicaId, sequence: number): string {
  return `${replica}:${sequence}`;
}
