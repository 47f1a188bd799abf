import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RAFT_ERRORS } from './raft-error.table';

const DOCUMENT = readFileSync(join(__dirname, '../../../../../docs/errors.md'), 'utf8');

describe('the table of errors', () => {
  it.each(Object.entries(RAFT_ERRORS))('is the same in code and in docs/errors.md: %s', (code, described) => {
    const { meaning, consequence, remedy, httpStatus, retryAfter } = described;
    const http = `${httpStatus}${retryAfter ? ' + `Retry-After`' : ''}`;

    expect(DOCUMENT).toContain(`| \`${code}\` | ${meaning} ${consequence} | ${remedy} | ${http} |`);
  });

  it('has no row in docs/errors.md for a code that is not in the table', () => {
    const documented = [...DOCUMENT.matchAll(/^\| `(RAFT_[A-Z_]+)`/gm)].map((match) => match[1]);

    expect(documented).toHaveLength(Object.keys(RAFT_ERRORS).length);
    expect(new Set(documented)).toEqual(new Set(Object.keys(RAFT_ERRORS)));
  });

  it('tells callers to try again only where the command is not applied', () => {
    for (const { retryAfter, consequence } of Object.values(RAFT_ERRORS))
      expect(retryAfter && consequence.includes('may have been applied')).toBe(false);
  });
});
