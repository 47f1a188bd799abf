import type { EventSink } from './feed-reader';

/** A connection whose other side reads when it is told to. */
export class SinkUnderTest implements EventSink {
  /** What was handed over, in order: the very buffers. */
  readonly handed: Buffer[] = [];
  ended = false;
  destroyed = false;
  private waiting = 0;
  private readonly listeners = new Map<string, (() => void)[]>();

  /** @param room bytes that the connection takes before it says that it is full */
  constructor(private readonly room = Number.POSITIVE_INFINITY) {}

  get writableLength(): number {
    return this.waiting;
  }

  get text(): string {
    return Buffer.concat(this.handed).toString();
  }

  /** The ids of the events of this type. */
  idsOf(type: string): number[] {
    return [...this.text.matchAll(new RegExp(`^event: ${type}\\nid: (\\d+)$`, 'gm'))].map(([, id]) => Number(id));
  }

  write(bytes: Buffer): boolean {
    this.handed.push(bytes);
    this.waiting += bytes.length;
    if (this.waiting <= this.room) return this.take();
    return false;
  }

  /** The other side reads everything. */
  read(): void {
    this.take();
    this.emit('drain');
  }

  end(): void {
    this.ended = true;
    if (this.waiting === 0) this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.waiting = 0;
    this.emit('close');
  }

  on(event: string, listener: () => void): void {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }

  private take(): true {
    if (this.room === Number.POSITIVE_INFINITY || this.waiting > this.room) this.waiting = 0;
    return true;
  }

  private emit(event: string): void {
    for (const listener of this.listeners.get(event) ?? []) listener();
  }
}

/** Until everything that is due has been done. */
export async function turns(count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
