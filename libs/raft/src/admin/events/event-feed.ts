import { RaftError } from '../../errors/raft-error';
import { EventWindow } from './event-window';
import { eventBlock } from './feed-event';
import { type EventSink, FeedReader } from './feed-reader';

/** @publicApi */
export interface EventFeedOptions {
  /** How many read at a time; more are refused. Default 256. */
  readonly maxReaders?: number;
  /** Events that are kept for readers that are behind, or come back. Default 10,000. */
  readonly maxEvents?: number;
  /** Bytes of them. A reader that falls out of what is kept is cut. Default 16 MiB. */
  readonly maxBytes?: number;
  /** How often a comment is sent, so that proxies keep a quiet connection open, in milliseconds. Default 15,000. */
  readonly pingEveryMs?: number;
}

/** @publicApi */
export interface FeedReading {
  /** The id of the last event that the reader has. Default: it begins with what comes from now on. */
  readonly after?: number | undefined;
  /** Which topics it is told of. Default: all. */
  readonly wants?: ((topic: string) => boolean) | undefined;
  /** Written before anything else, for this reader alone. */
  readonly greeting?: string | undefined;
  /** Called once, when the reader has gone. */
  readonly closed?: (() => void) | undefined;
}

/** @publicApi */
export interface FeedPublication {
  /** Greater than the one before. */
  readonly id: number;
  readonly topic: string;
  /** About how many bytes it has. */
  readonly sizeBytes: number;
  /** What the event says, as {@link eventBlock} writes it: called at most once, when the first reader gets it. */
  readonly encode: () => string;
}

/** Written in one turn of the event loop, after which the node's own work has its turn. */
const BYTES_IN_A_TURN = 4 * 1024 * 1024;
/** A reader that was cut has so long to read why. */
const CUT_AFTER_MS = 2_000;
const PING = Buffer.from(': ping\n\n');

/**
 * Server-sent events for many readers. Publishing costs the same however many there are, and waits for none of them: an event is
 * put into bytes once, waits once for all, and is handed to a reader when its connection takes it, in later turns of the event
 * loop. A reader that is further behind than what is kept hears `event: cut` with `RAFT_BUSY`, and its connection ends; so does
 * one that holds on to what is kept no longer, where all such hold more than `maxBytes`.
 *
 * @publicApi
 */
export class EventFeed {
  private readonly window: EventWindow;
  private readonly maxReaders: number;
  private readonly maxBytes: number;
  private readonly pingEveryMs: number;
  private readonly readers = new Set<FeedReader>();
  /** Those that were cut and may still read why. */
  private readonly leaving = new Map<FeedReader, NodeJS.Timeout>();
  private ping: NodeJS.Timeout | undefined;
  private isDue = false;
  /** The id up to which events were dropped. */
  private gap = 0;

  constructor(options: EventFeedOptions = {}) {
    const { maxReaders = 256, maxEvents = 10_000, maxBytes = 16 * 1024 * 1024, pingEveryMs = 15_000 } = options;
    this.window = new EventWindow(maxEvents, maxBytes);
    this.maxReaders = maxReaders;
    this.maxBytes = maxBytes;
    this.pingEveryMs = pingEveryMs;
  }

  /** Events up to this id aren't known here, or no longer. */
  get gapThrough(): number {
    return this.gap;
  }

  get readerCount(): number {
    return this.readers.size;
  }

  publish({ id, topic, sizeBytes, encode }: FeedPublication): void {
    const dropped = this.window.add(id, topic, sizeBytes, encode);
    if (dropped !== undefined) {
      this.gap = dropped.id;
      this.cutStragglers();
    }
    this.pumpLater();
  }

  /** Forgets what is kept: events up to this id are not known here. Every reader hears this event next. */
  restart(publication: FeedPublication): void {
    this.window.clear();
    this.gap = publication.id;
    for (const reader of this.readers) reader.position = this.window.next;
    this.publish(publication);
  }

  /**
   * Tells a reader what it has missed and what comes. The response's head is written already.
   *
   * @throws RaftError `RAFT_BUSY` where so many read already; nothing was written
   */
  add(sink: EventSink, { after, wants, greeting, closed }: FeedReading = {}): void {
    this.refuseWhereFull();
    const position = after === undefined ? this.window.next : this.window.after(after);
    const reader = new FeedReader(sink, position, ({ id, topic }) => {
      // A node that is behind the one that was read before tells again what was heard there.
      return (after === undefined || id > after) && (wants === undefined || wants(topic));
    });
    this.readers.add(reader);
    const gone = (): void => {
      if (this.forget(reader)) closed?.();
    };
    sink.on('close', gone);
    sink.on('error', gone);
    sink.on('drain', () => {
      reader.drained();
      this.pumpLater();
    });
    this.ping ??= setInterval(() => this.sayPing(), this.pingEveryMs).unref();
    if (greeting !== undefined) reader.say(Buffer.from(greeting));
    this.pumpLater();
  }

  /** @throws RaftError `RAFT_BUSY`, to be asked before a response is begun */
  refuseWhereFull(): void {
    if (this.readers.size < this.maxReaders) return;
    throw new RaftError(
      'RAFT_BUSY',
      `${this.maxReaders} readers have this stream of events open on this node already. Close some, or read from another node.`,
      { retryAfterMs: 1_000 },
    );
  }

  /** Ends every reader. */
  close(): void {
    for (const reader of [...this.readers, ...this.leaving.keys()]) {
      reader.sink.end();
      this.forget(reader);
    }
  }

  private pumpLater(): void {
    if (this.isDue || this.readers.size === 0) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      this.pump();
    });
  }

  /** Who was served goes to the end of the line, so that a turn that ends early is followed by those who had nothing. */
  private pump(): void {
    let left = BYTES_IN_A_TURN;
    for (const reader of [...this.readers]) {
      if (reader.position < this.window.first) {
        this.cut(reader, 'this reader needs events that are no longer kept');
        continue;
      }
      if (!reader.takesMore || reader.position >= this.window.next) continue;
      if (left <= 0) return this.pumpLater();
      left -= reader.advance(this.window, left);
      this.readers.delete(reader);
      this.readers.add(reader);
    }
    if ([...this.readers].some((reader) => reader.takesMore && reader.position < this.window.next)) this.pumpLater();
  }

  /** Whose connection holds events that are no longer kept holds memory that nobody else uses: together no more than the window has. */
  private cutStragglers(): void {
    const held = [...this.readers, ...this.leaving.keys()]
      .map((reader) => ({ reader, bytes: reader.heldBytes(this.window) }))
      .filter(({ bytes }) => bytes > 0)
      .toSorted((a, b) => b.bytes - a.bytes);
    let total = held.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { reader, bytes } of held) {
      if (total <= this.maxBytes) return;
      total -= bytes;
      reader.sink.destroy();
    }
  }

  private cut(reader: FeedReader, why: string): void {
    this.readers.delete(reader);
    const message = `Events were missed here: ${why}. Come back with the id of the last event that you have.`;
    reader.say(Buffer.from(eventBlock('cut', this.gap, JSON.stringify({ code: 'RAFT_BUSY', message }))));
    reader.sink.end();
    this.leaving.set(reader, setTimeout(() => reader.sink.destroy(), CUT_AFTER_MS).unref());
  }

  private forget(reader: FeedReader): boolean {
    const timer = this.leaving.get(reader);
    clearTimeout(timer);
    const isKnown = this.leaving.delete(reader) || this.readers.delete(reader);
    if (this.readers.size === 0) {
      clearInterval(this.ping);
      this.ping = undefined;
    }
    return isKnown;
  }

  private sayPing(): void {
    for (const reader of this.readers) if (reader.takesMore) reader.say(PING);
  }
}
