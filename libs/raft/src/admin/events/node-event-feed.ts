import type { Subscription } from 'rxjs';
import type { RaftEventsService } from '../../nest/services/raft-events.service';
import { EventFeed } from './event-feed';
import { eventBlock } from './feed-event';
import type { EventSink } from './feed-reader';

/** What a reader hears at once: how things stand. */
const STANDING: ReadonlySet<string> = new Set(['status', 'leader']);
/** Events of one node are small, and nobody comes back for old ones. */
const LIMITS = { maxReaders: 64, maxEvents: 1_000, maxBytes: 1024 * 1024 };

/** What happens in a node, for all who have its stream open. It listens to the node while somebody reads. */
export class NodeEventFeed {
  private readonly feed: EventFeed;
  private readonly standing = new Map<string, string>();
  private subscription: Subscription | undefined;
  private lastId = 0;
  private isOver = false;

  constructor(
    private readonly source: Pick<RaftEventsService, 'stream'>,
    limits: ConstructorParameters<typeof EventFeed>[0] = LIMITS,
  ) {
    this.feed = new EventFeed(limits);
  }

  /** @throws RaftError `RAFT_BUSY` where so many read already */
  refuseWhereFull(): void {
    this.feed.refuseWhereFull();
  }

  add(sink: EventSink): void {
    this.listen();
    this.feed.add(sink, { greeting: [...this.standing.values()].join(''), closed: () => this.readerGone() });
    if (this.isOver) this.feed.close();
  }

  private listen(): void {
    if (this.subscription !== undefined) return;
    this.subscription = this.source.stream().subscribe({
      next: ({ type = 'message', data = {} }) => this.onEvent(type, data),
      complete: () => {
        this.isOver = true;
        this.feed.close();
      },
    });
  }

  private onEvent(type: string, data: string | object): void {
    const id = ++this.lastId;
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    const block = eventBlock(type, id, text);
    if (STANDING.has(type)) this.standing.set(type, block);
    this.feed.publish({ id, topic: type, sizeBytes: 2 * block.length, encode: () => block });
  }

  private readerGone(): void {
    if (this.feed.readerCount > 0) return;
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    this.standing.clear();
  }
}
