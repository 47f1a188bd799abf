import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(__dirname, 'files');
const LINE_DIGITS = 96;

/** `add` writes what no file holds yet. What a file holds is never replaced. */
const ADDS = process.env['RAFT_GOLDEN'] === 'add';

/**
 * Bytes that an earlier build wrote, in parts with a name each. They are read as they are: a build that writes or reads
 * others has changed a format.
 */
export class GoldenFile {
  private readonly path: string;
  private text: string;
  private readonly parts = new Map<string, string>();
  private readonly held = new Set<string>();

  /** @param title what the file holds, in one line */
  constructor(
    readonly name: string,
    title: string,
  ) {
    this.path = join(FOLDER, name);
    this.text = existsSync(this.path) ? readFileSync(this.path, 'utf8') : `# ${title}\n`;
    for (const part of this.text.split(/^== /m).slice(1)) {
      const end = part.indexOf('\n');
      this.parts.set(part.slice(0, end), part.slice(end + 1).trimEnd());
    }
  }

  /** Every part must have been asked for: one that no test holds would say nothing. */
  get unheld(): readonly string[] {
    return [...this.parts.keys()].filter((part) => !this.held.has(part));
  }

  /** @param bytes what this build writes */
  expectBytes(part: string, bytes: Uint8Array): void {
    assert.equal(Buffer.from(bytes).toString('hex'), this.bytes(part, bytes).toString('hex'), `${this.name}: ${part}`);
  }

  /** @param text what this build writes */
  expectText(part: string, text: string): void {
    assert.equal(text, this.partOf(part, text), `${this.name}: ${part}`);
  }

  bytes(part: string, written?: Uint8Array): Buffer {
    const lines =
      written &&
      Buffer.from(written)
        .toString('hex')
        .match(new RegExp(`.{1,${LINE_DIGITS}}`, 'g'));
    return Buffer.from(this.partOf(part, lines?.join('\n') ?? '').replaceAll('\n', ''), 'hex');
  }

  textOf(part: string): string {
    return this.partOf(part);
  }

  private partOf(part: string, written?: string): string {
    this.held.add(part);
    const golden = this.parts.get(part);
    if (golden !== undefined) return golden;
    if (!ADDS || written === undefined) throw new Error(`${this.name} has no part '${part}'.`);
    this.parts.set(part, written);
    this.text += `\n== ${part}\n${written}\n`;
    writeFileSync(this.path, this.text);
    return written;
  }
}
