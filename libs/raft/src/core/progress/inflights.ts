interface Inflight {
  readonly lastIndex: number;
  readonly bytes: number;
}

/** The appends on the way to one peer: a window in messages and in bytes. */
export class Inflights {
  private readonly queue: Inflight[] = [];
  private totalBytes = 0;

  constructor(
    private readonly maxMessages: number,
    private readonly maxBytes: number,
  ) {}

  get messages(): number {
    return this.queue.length;
  }

  get bytes(): number {
    return this.totalBytes;
  }

  get full(): boolean {
    return this.queue.length >= this.maxMessages || this.totalBytes >= this.maxBytes;
  }

  add(lastIndex: number, bytes: number): void {
    this.queue.push({ lastIndex, bytes });
    this.totalBytes += bytes;
  }

  /** Everything up to `index` has arrived. */
  freeTo(index: number): void {
    while (this.queue.length > 0 && this.queue[0]!.lastIndex <= index) this.freeFirst();
  }

  /** Gives up waiting for the oldest, whose answer may be lost. */
  freeFirst(): void {
    const first = this.queue.shift();
    if (first !== undefined) this.totalBytes -= first.bytes;
  }

  clear(): void {
    this.queue.length = 0;
    this.totalBytes = 0;
  }
}
