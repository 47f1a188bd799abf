import { readFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';
import * as ts from 'typescript';

const ROOT = resolve(__dirname, '..', '..');

/** A file of code that a page shows as a whole. */
export interface CodeSample {
  readonly page: string;
  /** As the page says it. */
  readonly file: string;
  readonly code: string;
}

/**
 * Files that a page shows: blocks of TypeScript that begin with `// path` and have their imports.
 *
 * @param page from the root of the repository
 */
export function samplesOf(page: string): CodeSample[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/(?:<!-- quick start: (\S+) -->\n)?^```ts\n([\s\S]*?)^```/gm)];
  return blocks.flatMap(([, named, code]) => {
    const file = named ?? /^\/\/ (\S+\.ts)\n/.exec(code!)?.[1];
    return file === undefined ? [] : [{ page, file, code: code! }];
  });
}

/**
 * Type-checks samples as an application's own files, those of one page together, against the library's sources.
 *
 * @returns each fault, with its page and its line in the sample; none where all compile
 */
export function faultsOf(samples: readonly CodeSample[]): string[] {
  const files = new Map(samples.map((sample) => [pathOf(sample), sample]));
  const folders = new Set<string>();
  for (const path of files.keys())
    for (let folder = dirname(path); folder.startsWith(ROOT) && !folders.has(folder); folder = dirname(folder))
      folders.add(folder);
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    readonly config: object;
  };
  const settings = ts.parseJsonConfigFileContent({ ...config, include: [], files: ['none.ts'] }, ts.sys, ROOT);
  // As in a new application: a sample may name a context that it doesn't need.
  const options = { ...settings.options, noUnusedLocals: false, noUnusedParameters: false };
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    readFile: (path) => files.get(path)?.code ?? disk.readFile(path),
    fileExists: (path) => files.has(path) || disk.fileExists(path),
    directoryExists: (path) => folders.has(path) || ts.sys.directoryExists(path),
    getSourceFile: (path, languageVersion, ...rest) => {
      const sample = files.get(path);
      return sample === undefined
        ? disk.getSourceFile(path, languageVersion, ...rest)
        : ts.createSourceFile(path, sample.code, languageVersion, true);
    },
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files].flatMap(([path, sample]) => {
    const source = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((fault) => {
      const { line } = source!.getLineAndCharacterOfPosition(fault.start ?? 0);
      const message = ts.flattenDiagnosticMessageText(fault.messageText, '\n');
      return `${sample.page}, ${sample.file}, line ${line + 1}: ${message}`;
    });
  });
}

/** Beside the sources, so that packages are found; nothing is written there. */
function pathOf({ page, file }: CodeSample): string {
  return posix.join(ROOT.replaceAll('\\', '/'), 'test', 'docs', 'samples', page.replaceAll(/[^A-Za-z0-9]/g, '-'), file);
}
