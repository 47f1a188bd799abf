import { spawn } from 'node:child_process';
import { parse } from 'node:path';

export interface Invocation {
  readonly file: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

export interface ProgramResult {
  /** Undefined where the program didn't start, or ended by a signal. */
  readonly exitCode: number | undefined;
  readonly output: string;
}

const KEPT = [
  'PATH',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'TMPDIR',
  'TMP',
  'TEMP',
  'SystemRoot',
  'SystemDrive',
  'ComSpec',
];

/**
 * The server outlives this process, so it gets neither its secrets nor settings that Postgres would read (PGPORT, PGOPTIONS,
 * TZ); its messages are English, because a failed start is told from them.
 */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { LC_ALL: 'C' };
  for (const name of KEPT) if (process.env[name] !== undefined) environment[name] = process.env[name];
  return environment;
}

/** A folder that every user may enter: the one of this process may be closed to the user that Postgres runs as. */
export const neutralDirectory = (): string => parse(process.cwd()).root;

/**
 * Runs a short program to its end; never rejects.
 *
 * @param input what it reads
 */
export function runProgram({ file, args, uid, gid }: Invocation, input?: string): Promise<ProgramResult> {
  return new Promise((settle) => {
    let output = '';
    const child = spawn(file, args, {
      env: cleanEnvironment(),
      cwd: neutralDirectory(),
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      windowsHide: true,
      uid,
      gid,
    });
    // One that ends without reading it says so by its exit code.
    child.stdin?.on('error', () => undefined).end(input);
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', (error) => settle({ exitCode: undefined, output: `${output}${error.message}` }));
    child.once('close', (code) => settle({ exitCode: code ?? undefined, output: output.trim() }));
  });
}
