import { FeedEvent } from './feed-event';

/** The newest events, bounded in number and bytes: what readers haven't got yet waits here, once for all of them. */
export class EventWindow {
  private events: FeedEvent[] = [];
  private bytes = 0;
  private nextSequence = 0;

  constructor(
    private readonly maxEvents: number,
    private readonly maxBytes: number,
  ) {}

  /** Of the oldest event that is here; of the next one where there is none. */
  get first(): number {
    return this.nextSequence - this.events.length;
  }

  get next(): number {
    return this.nextSequence;
  }

  get sizeBytes(): number {
    return this.bytes;
  }

  at(sequence: number): FeedEvent | undefined {
    return this.events[sequence - this.first];
  }

  /** @returns the sequence of the first event with a greater id */
  after(id: number): number {
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.events[middle]!.id > id) high = middle;
      else low = middle + 1;
    }
    return this.first + low;
  }

  /** @returns the last event that had to go for it */
  add(id: number, topic: string, sizeBytes: number, encode: () => string): FeedEvent | undefined {
    const event = new FeedEvent(this.nextSequence++, id, topic, sizeBytes, encode);
    this.events.push(event);
    this.bytes += event.sizeBytes;
    return this.dropOldest();
  }

  /** Makes the bytes of an event, where they aren't made yet. */
  frameOf(event: FeedEvent): Buffer {
    const before = event.sizeBytes;
    const { frame } = event;
    if (event.sequence >= this.first) this.bytes += event.sizeBytes - before;
    return frame;
  }

  clear(): void {
    this.events = [];
    this.bytes = 0;
  }

  private dropOldest(): FeedEvent | undefined {
    if (this.events.length <= this.maxEvents && this.bytes <= this.maxBytes) return undefined;
    // A quarter at once: dropping one by one would move them all each time. The newest stays, however large it is.
    const [mostEvents, mostBytes] = [this.maxEvents * 0.75, this.maxBytes * 0.75];
    let dropped = 0;
    while (dropped < this.events.length - 1 && (this.events.length - dropped > mostEvents || this.bytes > mostBytes))
      this.bytes -= this.events[dropped++]!.sizeBytes;
    const last = this.events[dropped - 1];
    this.events = this.events.slice(dropped);
    return last;
  }
}
