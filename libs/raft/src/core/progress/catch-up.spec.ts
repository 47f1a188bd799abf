import { CatchUp } from './catch-up';

const ELECTION_TIMEOUT_MS = 1000;

describe('CatchUp', () => {
  it('a replica is caught up when a round of its log was short and its state machine has reached the end of one', () => {
    const catchUp = new CatchUp();
    catchUp.count(0, 10, 0, ELECTION_TIMEOUT_MS);
    expect(catchUp.isDone(0, ELECTION_TIMEOUT_MS)).toBe(false);

    catchUp.count(10, 10, 500, ELECTION_TIMEOUT_MS);
    expect(catchUp.isDone(500, ELECTION_TIMEOUT_MS)).toBe(false);

    catchUp.onApplied(9, 500);
    expect(catchUp.isDone(600, ELECTION_TIMEOUT_MS)).toBe(false);
    catchUp.onApplied(10, 550);
    expect(catchUp.isDone(600, ELECTION_TIMEOUT_MS)).toBe(true);
  });

  it('a round that took an election time-out doesn’t count, however much is applied', () => {
    const catchUp = new CatchUp();
    catchUp.onApplied(10, 0);
    catchUp.count(0, 10, 0, ELECTION_TIMEOUT_MS);

    catchUp.count(10, 12, 1000, ELECTION_TIMEOUT_MS);

    expect(catchUp.isDone(1000, ELECTION_TIMEOUT_MS)).toBe(false);
  });

  it('what a state machine has reached counts for ten election time-outs, and no longer', () => {
    const catchUp = new CatchUp();
    catchUp.count(10, 10, 0, ELECTION_TIMEOUT_MS);
    catchUp.count(99, 99, 9000, ELECTION_TIMEOUT_MS);
    catchUp.onApplied(10, 9000);

    expect(catchUp.isDone(19_000, ELECTION_TIMEOUT_MS)).toBe(true);
    expect(catchUp.isDone(19_001, ELECTION_TIMEOUT_MS)).toBe(false);
  });

  it('a state machine that follows a busy log at a distance is caught up', () => {
    const catchUp = new CatchUp();
    let index = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 50) {
      index++;
      catchUp.count(index, index, nowMs, ELECTION_TIMEOUT_MS);
      catchUp.onApplied(Math.max(0, index - 100), nowMs);
      expect(catchUp.isDone(nowMs, ELECTION_TIMEOUT_MS)).toBe(index > 100);
    }
  });

  it('a state machine that falls further and further behind is caught up no longer', () => {
    const catchUp = new CatchUp();
    const at = (nowMs: number): boolean => {
      catchUp.count(nowMs, nowMs, nowMs, ELECTION_TIMEOUT_MS);
      catchUp.onApplied(Math.round(nowMs / 2), nowMs);
      return catchUp.isDone(nowMs, ELECTION_TIMEOUT_MS);
    };
    const seen = Array.from({ length: 400 }, (_, step) => at((step + 1) * 100));

    expect([seen[50], seen.at(-1)]).toEqual([true, false]);
  });

  it('an idle cluster’s replica is caught up as soon as it has applied what there is', () => {
    const catchUp = new CatchUp();
    for (let nowMs = 0; nowMs < 60_000; nowMs += 100) {
      catchUp.count(7, 7, nowMs, ELECTION_TIMEOUT_MS);
      catchUp.onApplied(3, nowMs);
    }
    expect(catchUp.isDone(60_000, ELECTION_TIMEOUT_MS)).toBe(false);

    catchUp.onApplied(7, 60_000);
    expect(catchUp.isDone(60_000, ELECTION_TIMEOUT_MS)).toBe(true);
  });

  it('an answer to an earlier question is too late, and a process that replays its log is behind again', () => {
    const catchUp = new CatchUp();
    catchUp.onApplied(8, 200);
    catchUp.onApplied(3, 100);
    expect(catchUp.appliedIndex).toBe(8);

    catchUp.onApplied(0, 300);
    expect(catchUp.appliedIndex).toBe(0);
  });

  it('begins again with another membership', () => {
    const catchUp = new CatchUp();
    catchUp.count(5, 5, 0, ELECTION_TIMEOUT_MS);
    catchUp.onApplied(5, 0);
    catchUp.restart();

    expect(catchUp.isDone(0, ELECTION_TIMEOUT_MS)).toBe(false);
    catchUp.count(5, 5, 10, ELECTION_TIMEOUT_MS);
    expect(catchUp.isDone(10, ELECTION_TIMEOUT_MS)).toBe(true);
  });
});
