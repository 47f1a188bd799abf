import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const FOLDER = resolve(__dirname, '..', '..', 'docs', 'adr');

describe('docs/adr/README.md', () => {
  it('lists every decision with its number, title and status', () => {
    const files = readdirSync(FOLDER).filter((name) => name !== 'README.md');
    const index = readFileSync(join(FOLDER, 'README.md'), 'utf8');
    const listed = [...index.matchAll(/^\| (\d+) \| \[([^\]]+)\]\(([^)]+)\) \| ([^|]+) \| [^|]+ \|$/gm)].map(
      ([, number, title, file, status]) => ({ number, title, file, status }),
    );
    const stated = files.toSorted().map((file) => {
      const text = readFileSync(join(FOLDER, file), 'utf8');
      const [, number, title] = /^# (\d+)\. (.+)$/m.exec(text) ?? [];
      const [, status] = /^Status: (accepted|replaced by \d+)\.$/m.exec(text) ?? [];
      return { number, title, file, status };
    });
    expect(listed).toEqual(stated);
    expect(stated.every(({ number, file }) => file.startsWith(`${number!.padStart(4, '0')}-`))).toBe(true);
  });
});
