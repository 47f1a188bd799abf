import { spawnSync } from 'node:child_process';

/** What a test needs and this machine may lack. */
export interface Need {
  /** What it is, as in "needs curl". */
  readonly what: string;
  /** Why it can't be had here; undefined where it is there. */
  readonly missing: string | undefined;
}

/** @param args with which the program answers quickly, and ends with 0 */
export function program(name: string, ...args: string[]): Need {
  const { error, status } = spawnSync(name, args, { stdio: 'ignore' });
  const missing = error ? 'it is not installed' : status === 0 ? undefined : `it ended with ${status}`;
  return { what: name, missing };
}

/** `it`, or a skipped test whose title says what is missing: the closing lines of `npm test` count it. */
export function itNeeds({ what, missing }: Need): (title: string, body: jest.ProvidesCallback, ms?: number) => void {
  return missing === undefined ? it : (title, body, ms) => it.skip(`${title} ${lack(what, missing)}`, body, ms);
}

/** `describe`, likewise. */
export function describeNeeds({ what, missing }: Need): (title: string, body: () => void) => void {
  return missing === undefined ? describe : (title, body) => describe.skip(`${title} ${lack(what, missing)}`, body);
}

function lack(what: string, missing: string): string {
  return `[needs ${what}: ${missing.replaceAll(/[[\]]/g, '')}]`;
}
