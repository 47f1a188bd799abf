import type { RaftMachineEvent } from 'nestjs-raft';
import { eventBlock, EventFeed, type EventFeedOptions, type EventSink } from 'nestjs-raft/admin';
import type { KeyChange } from '../key-value.machine';

/** A topic that every watcher is told of: keys begin with a slash. */
const EVERYBODY = '';

/** The newest changes on this node, for those who watch now and those who come back. */
export class ChangeFeed {
  private readonly feed: EventFeed;
  private lastIndex = 0;

  constructor(options?: EventFeedOptions) {
    this.feed = new EventFeed(options);
  }

  /** The index of the last change that was heard of. */
  get index(): number {
    return this.lastIndex;
  }

  /** Called while the node applies: what it costs doesn't depend on how many watch. */
  onEvent(event: RaftMachineEvent<KeyChange>): void {
    const { index } = event;
    this.lastIndex = index;
    if (event.kind === 'replaced') {
      this.feed.restart({ id: index, topic: EVERYBODY, sizeBytes: 256, encode: () => compacted(index) });
      return;
    }
    const { key, json } = event.value;
    const sizeBytes = 2 * (key.length + (json?.length ?? 0));
    this.feed.publish({ id: index, topic: key, sizeBytes, encode: () => changed(key, json, index) });
  }

  /** @throws RaftError `RAFT_BUSY` where so many watch already */
  refuseWhereFull(): void {
    this.feed.refuseWhereFull();
  }

  /**
   * @param prefix of the keys whose changes are told
   * @param after the index of the last change that the watcher has; undefined for one that begins now
   */
  watch(sink: EventSink, prefix: string, after: number | undefined): void {
    const begin = after ?? this.lastIndex;
    const { gapThrough } = this.feed;
    const isMissing = after !== undefined && after < gapThrough;
    const greeting = eventBlock('watching', begin, JSON.stringify({ prefix, after: begin }));
    this.feed.add(sink, {
      // What is missing is said here; the event that says it to those who watched then isn't said again.
      after: isMissing ? gapThrough : after,
      wants: (key) => key === EVERYBODY || key.startsWith(prefix),
      greeting: isMissing ? greeting + compacted(gapThrough) : greeting,
    });
  }

  close(): void {
    this.feed.close();
  }
}

function compacted(index: number): string {
  const message =
    'Changes up to this index are no longer kept here. Read the keys again, and continue from their index.';
  return eventBlock('compacted', index, JSON.stringify({ index, message }));
}

function changed(key: string, json: string | null, index: number): string {
  const name = JSON.stringify(key);
  if (json === null) return eventBlock('delete', index, `{"key":${name},"index":${index}}`);
  return eventBlock('put', index, `{"key":${name},"index":${index},"value":${oneLine(json)}}`);
}

/** A value is kept as it came, and a line break would end the event's data. Within a JSON text it is never part of a string. */
function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replaceAll(/[\r\n]+/g, ' ') : json;
}
