/** An event for many readers: it is put into bytes when the first of them gets it, and once. */
export class FeedEvent {
  private bytes: Buffer | undefined;
  private weight: number;

  /**
   * @param sequence of the feed, without gaps
   * @param id what readers come back with
   * @param topic what readers may choose by
   * @param sizeBytes about how much it takes while it is no bytes yet
   */
  constructor(
    readonly sequence: number,
    readonly id: number,
    readonly topic: string,
    sizeBytes: number,
    private encode: (() => string) | undefined,
  ) {
    this.weight = sizeBytes;
  }

  get sizeBytes(): number {
    return this.weight;
  }

  /** The same bytes for every reader. What they were made from isn't kept beside them. */
  get frame(): Buffer {
    if (this.bytes === undefined) {
      this.bytes = Buffer.from(this.encode!(), 'utf8');
      this.encode = undefined;
      this.weight = FIXED_BYTES + this.bytes.length;
    }
    return this.bytes;
  }
}

const FIXED_BYTES = 64;

/**
 * One event of a stream, as text.
 *
 * @param data without line breaks, such as JSON
 * @publicApi
 */
export function eventBlock(type: string, id: number, data: string): string {
  return `event: ${type}\nid: ${id}\ndata: ${data}\n\n`;
}
