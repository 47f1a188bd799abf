import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');
const statements = (count: number): string => Array.from({ length: count }, (_, at) => `  use(${at});\n`).join('');
const use = 'declare function use(value: number): void;\n';

/** What breaks each rule, and what just keeps it. */
const RULES = {
  'max-lines': { broken: use + statements(300), kept: use + statements(299) },
  'max-lines-per-function': {
    broken: `${use}export function long(): void {\n${statements(59)}}\n`,
    kept: `${use}export function long(): void {\n  // No code.\n\n${statements(58)}}\n`,
  },
  curly: {
    broken: `${use}export function braces(is: boolean): void {\n  if (is) {\n    use(1);\n  }\n}\n`,
    kept: `${use}export function braces(is: boolean): void {\n  if (is) use(1);\n}\n`,
  },
} as const;

describe('the size of files and functions, and the brace style', () => {
  let tree: string;
  beforeAll(() => {
    tree = mkdtempSync(path.join(tmpdir(), 'sizes-'));
  });
  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  /** @returns what oxlint says, by the rules of this repository, of a source file with this text */
  function said(file: string, text: string): string {
    const at = path.join(tree, file);
    mkdirSync(path.dirname(at), { recursive: true });
    writeFileSync(at, text);
    const oxlint = path.join(root, 'node_modules/oxlint/bin/oxlint');
    const config = path.join(root, '.oxlintrc.json');
    return spawnSync(process.execPath, [oxlint, '-c', config, '-f', 'unix', '.'], {
      cwd: path.dirname(at),
      encoding: 'utf8',
    }).stdout;
  }

  it.each(Object.entries(RULES))(
    '%s refuses what breaks it, and lets pass what just keeps it',
    (rule, { broken, kept }) => {
      expect(said(`${rule}/broken/planted.ts`, broken)).toContain(`(${rule})`);
      expect(said(`${rule}/kept/planted.ts`, kept)).not.toContain(`(${rule})`);
    },
  );
});
