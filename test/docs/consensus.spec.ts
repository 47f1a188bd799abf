import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TermList } from '../../libs/raft/src/core/log/term-list';
import { ORIGIN, type LogId, type TermRun } from '../../libs/raft/src/core/base/types';

const page = readFileSync(resolve(join(__dirname, '..', '..', 'docs', 'consensus.md')), 'utf8');

function listOf(terms: readonly number[]): TermList {
  const runs = terms.flatMap((term, at): TermRun[] => (terms[at - 1] === term ? [] : [{ firstIndex: at + 1, term }]));
  return new TermList(ORIGIN, terms.length, runs);
}

function said({ index, term }: LogId): string {
  return `${index}/${term}`;
}

/** What leader and follower say to each other until their logs meet, and from where the follower's log is cut. */
function probes(leader: TermList, follower: TermList, begin: number): { readonly steps: string; readonly cut: string } {
  const steps: string[] = [];
  for (let prev: LogId = { index: begin, term: leader.termAt(begin)! }; ;) {
    if (follower.termAt(prev.index) === prev.term) {
      steps.push(`${said(prev)} fits`);
      let first = prev.index + 1;
      while (first <= leader.lastIndex && follower.termAt(first) === leader.termAt(first)) first++;
      const isCut = first <= follower.lastIndex && first <= leader.lastIndex;
      return { steps: steps.join(', '), cut: isCut ? `from ${first}` : 'nothing' };
    }
    const hint = follower.lastIdNotAbove(prev.index, prev.term);
    steps.push(`${said(prev)} → ${said(hint)}`);
    prev = leader.lastIdNotAbove(hint.index, hint.term);
  }
}

describe('docs/consensus.md', () => {
  it('shows the probes that the kernel’s search makes', () => {
    const rows = page
      .split('\n')
      .filter((line) => /^\| (?!log|follower)[a-z][a-z 1]* \| \d \|/.test(line))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    const termsIn = (cells: readonly string[]): number[] => cells.filter((cell) => cell !== '').map(Number);
    const [leaderRow, ...followers] = rows;
    const leader = listOf(termsIn(leaderRow!.slice(2)));
    expect(followers.length).toBe(5);
    for (const cells of followers) {
      const [name, steps, cut] = [cells[1], cells.at(-3), cells.at(-2)];
      const found = probes(leader, listOf(termsIn(cells.slice(2, 11))), leader.lastIndex - 1);
      expect({ name, steps, cut }).toEqual({ name, ...found });
    }
  });
});
