import type { EventWindow } from './event-window';
import type { FeedEvent } from './feed-event';

/** What a feed needs of a response: a `ServerResponse` has it. @publicApi */
export interface EventSink {
  readonly writableLength: number;
  write(bytes: Buffer): boolean;
  end(): unknown;
  destroy(): unknown;
  on(event: 'drain' | 'close' | 'error', listener: () => void): unknown;
}

/**
 * One reader of a feed: how far it is, and whether its connection takes more. Nothing waits for it but its place in the window and
 * the bytes that its connection has been handed, which are the window's own.
 */
export class FeedReader {
  /** The event that was handed over last, while the connection hasn't taken all of it. */
  private unread: number | undefined;

  constructor(
    readonly sink: EventSink,
    /** The sequence of the event that comes next. */
    public position: number,
    private readonly wants: (event: FeedEvent) => boolean,
  ) {}

  get takesMore(): boolean {
    return this.unread === undefined;
  }

  /** Bytes that it holds of events which are no longer in the window. */
  heldBytes(window: EventWindow): number {
    return this.unread !== undefined && this.unread < window.first ? this.sink.writableLength : 0;
  }

  drained(): void {
    this.unread = undefined;
  }

  /** Bytes for this reader alone. */
  say(bytes: Buffer): void {
    if (!this.sink.write(bytes)) this.unread ??= this.position;
  }

  /**
   * Hands over events until the connection takes no more.
   * @returns the bytes that were handed over, which end above `mostBytes` with the event that reaches it
   */
  advance(window: EventWindow, mostBytes: number): number {
    let bytes = 0;
    while (this.takesMore && bytes < mostBytes) {
      const event = window.at(this.position);
      if (event === undefined) break;
      this.position++;
      if (!this.wants(event)) continue;
      const frame = window.frameOf(event);
      bytes += frame.length;
      if (!this.sink.write(frame)) this.unread = event.sequence;
    }
    return bytes;
  }
}
