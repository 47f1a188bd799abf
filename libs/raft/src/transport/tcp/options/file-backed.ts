import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { errorText } from './error-text';

export interface FileBackedPorts<T> {
  /** What it is, at the beginning of a sentence. */
  readonly what: string;
  readonly paths: readonly string[];
  /** Reads the files, and judges what is in them. @throws Error with the sentence about what is wrong */
  load(): T;
  changed(): void;
  warn(sentence: string): void;
}

/**
 * What stands in files, and is read again when they change, however they are replaced: written over, renamed, or behind a symbolic
 * link that leads elsewhere now (Kubernetes). So contents are compared, not times. What can't be used leaves the old in use.
 */
export class FileBacked<T> {
  private value: T;
  private seen: string;
  private failures = 0;

  /** @throws whatever `load` throws */
  constructor(private readonly ports: FileBackedPorts<T>) {
    this.value = ports.load();
    this.seen = digestOf(ports.paths.map((path) => readFileSync(path)));
  }

  get current(): T {
    return this.value;
  }

  /** Whether it stands in no file. */
  get isFixed(): boolean {
    return this.ports.paths.length === 0;
  }

  /** Looks whether the files have changed. Never fails. */
  async look(): Promise<void> {
    const { paths } = this.ports;
    if (this.isFixed) return;
    try {
      const seen = digestOf(await Promise.all(paths.map((path) => readFile(path))));
      if (seen !== this.seen) {
        this.value = this.ports.load();
        this.seen = seen;
        this.ports.changed();
      }
      this.failures = 0;
    } catch (error) {
      // Files that belong together are seldom replaced at one instant: the first look may fall in between.
      if (++this.failures === 2)
        this.ports.warn(
          `${this.ports.what} can't be used as the files are now, so what was read before stays in use: ${errorText(error)}`,
        );
    }
  }
}

function digestOf(contents: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const content of contents) hash.update(`${content.length} `).update(content);
  return hash.digest('hex');
}
