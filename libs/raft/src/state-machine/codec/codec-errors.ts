/**
 * A value that can't be sent to other nodes: not plain data, or data that would not arrive as it was.
 *
 * @publicApi
 */
export class UnsupportedValueError extends TypeError {
  /** Where it stands, as one would write it: `args[0].owner`. */
  readonly path: string;

  /** @param problem what it is and what to pass instead, as the end of a sentence that begins with the path */
  constructor(path: string, problem: string) {
    super(`${path} ${problem}`);
    this.name = 'UnsupportedValueError';
    this.path = path;
  }
}

/**
 * Bytes that no encoder of this package wrote. The text depends on the bytes alone, so that every node says the same.
 *
 * @publicApi
 */
export class MalformedBytesError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MalformedBytesError';
  }
}

/**
 * Bytes in a format that this version doesn't know: a newer version wrote them.
 *
 * @publicApi
 */
export class UnknownFormatError extends Error {
  readonly format: number;

  constructor(what: string, format: number, known: number) {
    super(
      `${what} has format ${format}, and this version reads up to format ${known}: a newer version wrote it. Upgrade this node.`,
    );
    this.name = 'UnknownFormatError';
    this.format = format;
  }
}
