import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const FILE = join(__dirname, 'replicated.type-spec.ts');
const EXPECT_ERROR = '@ts-expect-error';

/** Compiles the file as the repository does, with another text in its place. */
function errorLines(text: string): number[] {
  const config = ts.findConfigFile(dirname(FILE), (path) => ts.sys.fileExists(path), 'tsconfig.json')!;
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(config, (path) => ts.sys.readFile(path)).config,
    ts.sys,
    dirname(config),
  );
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (path, ...rest) =>
    path === FILE ? ts.createSourceFile(path, text, ts.ScriptTarget.ES2023) : getSourceFile.call(host, path, ...rest);
  const program = ts.createProgram([FILE], options, host);
  return ts
    .getPreEmitDiagnostics(program, program.getSourceFile(FILE))
    .map(({ file, start }) => file!.getLineAndCharacterOfPosition(start!).line);
}

describe('The types of a state machine and its callers', () => {
  const text = readFileSync(FILE, 'utf8');
  const lines = text.split('\n');
  const expected = lines.flatMap((line, number) => (line.includes(`// ${EXPECT_ERROR}`) ? [number] : []));

  it('accept what is right, and refuse what is marked as wrong', () => {
    expect(errorLines(text)).toEqual([]);
  }, 300_000);

  it('have a refusal behind every mark', () => {
    const unmarked = lines.map((line) => line.replace(EXPECT_ERROR, '')).join('\n');
    const refused = new Set(errorLines(unmarked));
    const withoutRefusal = expected.filter((line) => !refused.has(line + 1) && !refused.has(line + 2));
    expect(withoutRefusal.map((line) => lines[line]!.trim())).toEqual([]);
    expect(expected.length).toBeGreaterThan(30);
  }, 300_000);
});
