import { readFileSync, writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { decodeJson, encodeJson } from './json-bytes';

interface Entry {
  readonly index: number;
  kind: string;
  format: number;
  data: Uint8Array;
}

interface Write {
  entries?: Entry[];
  commitIndex?: number;
  hardState?: { term: number; votedFor: number };
  configuration?: { index: number; configuration: { voters: unknown[] } };
}

/** What the damage is done to in a journal's line. */
interface Line {
  readonly writes?: Write[];
  readonly snapshot?: { chunks: Uint8Array[] };
}

/** As a disk does it, its line's checksum stays what it was; a mistake of the program's own has one that fits. */
type Checksum = 'stays' | 'fits';

/** Changes an entry as a faulty program does, with a checksum that fits, or takes it away as a faulty disk does, with the old one. */
export function damageEntry(journal: string, index: number, what: 'kind' | 'format' | 'data' | 'missing'): void {
  change(journal, what === 'missing' ? 'stays' : 'fits', ({ writes = [] }) => {
    const write = writes.find(({ entries = [] }) => entries.some((entry) => entry.index === index));
    const entry = write?.entries?.find((each) => each.index === index);
    if (write === undefined || entry === undefined) return false;
    if (what === 'missing') write.entries = write.entries!.filter((each) => each !== entry);
    if (what === 'kind') entry.kind = 'noop';
    if (what === 'format') entry.format = 99;
    if (what === 'data') entry.data = entry.data.map((byte, place) => (place === 5 ? byte ^ 1 : byte));
    return true;
  });
}

/** Changes what stands beside the entries, or takes the line of the snapshot away. */
export function damageState(journal: string, what: 'vote' | 'commit' | 'configuration' | 'snapshot' | 'chunk'): void {
  if (what === 'snapshot') {
    const lines = linesOf(journal).filter((line) => partsOf(line).line.snapshot === undefined);
    writeFileSync(journal, lines.join(''));
    return;
  }
  change(journal, 'stays', ({ writes = [], snapshot }) => {
    if (what === 'chunk') return snapshot?.chunks.pop() !== undefined;
    const write = writes.find(({ hardState, commitIndex, configuration }) =>
      what === 'vote' ? hardState : what === 'commit' ? commitIndex : configuration,
    );
    if (write === undefined) return false;
    if (what === 'vote') write.hardState!.votedFor ^= 2;
    if (what === 'commit') write.commitIndex! ^= 1;
    if (what === 'configuration') write.configuration!.configuration.voters.shift();
    return true;
  });
}

/** Changes the last line that `damage` changes something in. */
function change(journal: string, checksum: Checksum, damage: (line: Line) => boolean): void {
  const lines = linesOf(journal);
  for (const [at, text] of [...lines.entries()].reverse()) {
    const { sum, line } = partsOf(text);
    if (!damage(line)) continue;
    const json = encodeJson(line);
    lines[at] = `${checksum === 'fits' ? crc32(json) : sum} ${json}\n`;
    writeFileSync(journal, lines.join(''));
    return;
  }
  throw new Error('No line of the journal says anything of what is to be damaged.');
}

function linesOf(journal: string): string[] {
  return readFileSync(journal, 'utf8').split(/(?<=\n)/);
}

function partsOf(text: string): { readonly sum: string; readonly line: Line } {
  const [, sum, json] = /^(\d+) (.*)\n$/.exec(text)!;
  return { sum: sum!, line: decodeJson(json!) as Line };
}
