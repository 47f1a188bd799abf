import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '..', '..');
const SOURCES = join(ROOT, 'libs', 'raft', 'src');
const HEAD_LINES = 20;
const MOST_FILES = 8;
const NEEDED = [
  ['checkQuorum', 'watchdog', 'exactly once', 'back-pressure', 'bootstrap', 'epoch', 'fencing token', 'redirect'],
  ['catch-up', 'boot history', 'lease read', 'read index', 'learner', 'joint consensus', 'pre-vote', 'log compaction'],
  ['snapshot install', 'witness', 'quarantine', 'repair', 'forwarding session', 'client session'],
].flat();

interface Row {
  readonly term: string;
  readonly meaning: string;
  readonly file: string;
}

function rows(): Row[] {
  const text = readFileSync(join(ROOT, 'docs', 'glossary.md'), 'utf8');
  return [...text.matchAll(/^\| ([^|]+) \| ([^|]+) \| `([^`]+)` \|$/gm)].map(([, term, meaning, file]) => ({
    term: term!,
    meaning: meaning!,
    file: file!,
  }));
}

/** The first lines of a file, without names that it imports. */
function headOf(file: string): string {
  return readFileSync(join(SOURCES, file), 'utf8')
    .split('\n')
    .slice(0, HEAD_LINES)
    .filter((line) => !/^import|^\} from| from '|^ {2}(type )?[A-Za-z_]+,$/.test(line))
    .join('\n');
}

/** As a word of its own: `boot` isn't in `bootstrap`. */
function has(head: string, term: string): boolean {
  return new RegExp(`(?<![\\w-])${term}(?!\\w)`, 'i').test(head);
}

describe('docs/glossary.md', () => {
  it('has each term once, in order, and those that a reader looks for first', () => {
    const terms = rows().map(({ term }) => term);
    expect(terms).toEqual([...new Set(terms)].toSorted((left, right) => left.localeCompare(right, 'en')));
    expect(NEEDED.filter((term) => !terms.includes(term))).toEqual([]);
  });

  it('names for each term a file that begins with it, and few others do', () => {
    const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /(?<!\.(?:spec|type-spec))\.ts$/.test(file),
    );
    const heads = files.map(headOf);
    for (const { term, file } of rows()) {
      expect([file, existsSync(join(SOURCES, file))]).toEqual([file, true]);
      expect([term, file, has(headOf(file), term)]).toEqual([term, file, true]);
      const found = files.filter((_, at) => has(heads[at]!, term));
      expect([term, found.length > MOST_FILES ? found : []]).toEqual([term, []]);
    }
  });
});
