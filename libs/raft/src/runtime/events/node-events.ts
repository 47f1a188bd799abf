import { channel, type Channel } from 'node:diagnostics_channel';
import { errorMessage } from '../base/error-message';
import type { EventSource, RaftEventMap, RaftEventName } from './raft-events';
import type { RaftLogger } from '../base/logger';

/** `Record<RaftEventName, …>` makes a forgotten name a compile error. */
const NAMES: Readonly<Record<RaftEventName, true>> = {
  proposal: true,
  read: true,
  persist: true,
  apply: true,
  election: true,
  leadership: true,
  'round-trip': true,
  'snapshot-taken': true,
  'snapshot-sent': true,
  'snapshot-installed': true,
  membership: true,
  peer: true,
  queues: true,
};

/** Every event's name, without `nestjs-raft:`. @publicApi */
export const RAFT_EVENT_NAMES = Object.freeze(Object.keys(NAMES)) as readonly RaftEventName[];

/** @returns the name of the `node:diagnostics_channel` on which an event of every node in this process is published @publicApi */
export function raftChannel(event: RaftEventName): string {
  return `nestjs-raft:${event}`;
}

/** Tells of one kind of event: to who listens to this node, and on the channel of all nodes. */
export class EventTap<E> {
  private readonly listeners = new Set<(event: E) => void>();
  private readonly channel: Channel;

  constructor(
    name: RaftEventName,
    private readonly source: EventSource,
    private readonly logger: () => RaftLogger,
  ) {
    this.channel = channel(raftChannel(name));
  }

  /** Ask before anything is measured or put together for {@link emit}: nobody listens, for the most part. */
  get isHeard(): boolean {
    return this.listeners.size > 0 || this.channel.hasSubscribers;
  }

  emit(event: E): void {
    for (const listener of this.listeners)
      try {
        listener(event);
      } catch (error) {
        this.logger().error(`A listener to events threw: ${errorMessage(error)}`);
      }
    if (this.channel.hasSubscribers) this.channel.publish({ ...this.source, ...event });
  }

  listen(listener: (event: E) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

type Taps = { readonly [Name in RaftEventName]: EventTap<RaftEventMap[Name]> };

/**
 * What a node tells of its work, while it is at it. Nothing is measured for an event that nobody listens to.
 *
 * @publicApi
 */
export class NodeEvents {
  /** @internal */
  readonly taps: Taps;

  /** @param logger is told of a listener that throws */
  constructor(source: EventSource, logger: () => RaftLogger) {
    const taps = RAFT_EVENT_NAMES.map((name) => [name, new EventTap(name, source, logger)] as const);
    this.taps = Object.fromEntries(taps) as unknown as Taps;
  }

  /**
   * @param listener called in the middle of the node's work: it must be quick, and what it throws is only logged
   * @returns a function that ends it
   */
  on<Name extends RaftEventName>(name: Name, listener: (event: RaftEventMap[Name]) => void): () => void {
    return this.taps[name].listen(listener);
  }
}
