import { longestLinearization, type Operation, type SequentialModel } from './linearizability';

type Call = { readonly write: number } | 'read';
const register: SequentialModel<number, Call, number> = {
  initial: 0,
  step(state, call, answer) {
    if (call !== 'read') return { state: call.write };
    return answer === undefined || answer === state ? { state } : undefined;
  },
  identify: String,
  isBlind: (call) => call !== 'read',
  isLook: (call) => call === 'read',
};

function operation(call: Call, from: number, to?: number, answer = 0): Operation<Call, number> {
  return to === undefined ? { call, calledAt: from } : { call, calledAt: from, answered: { at: to, answer } };
}
const write = (value: number, from: number, to?: number) => operation({ write: value }, from, to);
const read = (value: number, from: number, to: number) => operation('read', from, to, value);
const isLinearizable = (...operations: Operation<Call, number>[]) =>
  longestLinearization(register, operations).linearizable;

describe('the linearizability checker', () => {
  it('accepts an empty history and one that ran one by one', () => {
    expect(isLinearizable()).toBe(true);
    expect(isLinearizable(write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7))).toBe(true);
  });

  it('refuses a read that returns an overwritten value', () => {
    expect(isLinearizable(write(1, 0, 1), write(2, 2, 3), read(1, 4, 5))).toBe(false);
  });

  it('refuses a read that misses a write which ended before it began', () => {
    expect(isLinearizable(write(1, 0, 1), read(0, 2, 3))).toBe(false);
  });

  it('lets overlapping operations take effect in either order, but in one only', () => {
    expect(isLinearizable(write(1, 0, 10), write(2, 0, 10), read(1, 11, 12))).toBe(true);
    expect(isLinearizable(write(1, 0, 10), write(2, 0, 10), read(2, 11, 12))).toBe(true);
    expect(isLinearizable(write(1, 0, 10), write(2, 0, 10), read(2, 11, 12), read(1, 13, 14))).toBe(false);
  });

  it('refuses two reads that see a write come and go', () => {
    expect(isLinearizable(write(1, 0, 20), read(1, 1, 2), read(0, 3, 4))).toBe(false);
    expect(isLinearizable(write(1, 0, 20), read(0, 1, 2), read(1, 3, 4))).toBe(true);
  });

  it('lets an operation without an answer take effect at any later time, or never', () => {
    expect(isLinearizable(write(1, 0), read(0, 5, 6), read(1, 50, 60))).toBe(true);
    expect(isLinearizable(write(1, 0), read(0, 5, 6), read(0, 50, 60))).toBe(true);
    expect(isLinearizable(write(1, 10), read(1, 5, 6))).toBe(false);
    expect(isLinearizable(write(1, 0), read(1, 5, 6), read(0, 50, 60))).toBe(false);
  });

  it('counts operations that touch at one instant as overlapping', () => {
    expect(isLinearizable(write(1, 0, 5), read(0, 5, 6))).toBe(true);
  });

  it('finds the order at once where it is told where operations probably stand, however many overlap', () => {
    const values = Array.from({ length: 60 }, (_, at) => at + 1);
    const shuffled = values.map((call) => ({
      call,
      calledAt: (call * 37) % 61,
      answered: { at: 1000, answer: 0 },
      likely: call,
    }));
    let seen = 0;
    const model: SequentialModel<number, number, number> = {
      initial: 0,
      identify: String,
      isBlind: () => false,
      isLook: () => false,
      step: (state, call) => {
        seen++;
        return state === call - 1 ? { state: call } : undefined;
      },
    };
    expect(longestLinearization(model, shuffled)).toEqual({ linearizable: true, ordered: 60 });
    expect(seen).toBe(60);
  });

  it('takes the likely order where it fits, though the search would leave out what nobody has to have seen', () => {
    const lines: SequentialModel<string, string, string> = {
      initial: '',
      identify: (state) => state,
      isBlind: (call) => call.startsWith('='),
      isLook: () => false,
      step: (state, call, answer) => {
        const after = call === '?' ? state : call.startsWith('=') ? call : state + call;
        return answer === undefined || answer === after ? { state: after } : undefined;
      },
    };
    // Each text is overwritten right after it was added, and neither was answered.
    const lost = Array.from({ length: 10 }, (_, at) => [
      { call: `${at};`, calledAt: 0, likely: 2 * at },
      { call: `=${at};`, calledAt: 0, likely: 2 * at + 1 },
    ]).flat();
    const look = (answer: string) => ({ call: '?', calledAt: 5, answered: { at: 6, answer }, likely: 100 });
    expect(longestLinearization(lines, [...lost, look('=9;')])).toEqual({ linearizable: true, ordered: 1 });
  });

  it('tries no order of reads that see the same, however many overlap and wherever a write was tried before', () => {
    const reads = Array.from({ length: 30 }, (_, at) => read(2, 10 + at, 100 + at));
    const early = { ...write(3, 0, 200), likely: -1 };
    expect(isLinearizable(early, write(2, 0), ...reads, read(3, 300, 301))).toBe(true);
    expect(isLinearizable(early, write(2, 0), ...reads, read(3, 300, 301), read(2, 302, 303))).toBe(false);
  });

  it('refuses a wrong history however operations are said to stand', () => {
    const history = [write(1, 0, 1), read(0, 2, 3)].map((each, at) => ({ ...each, likely: -at }));
    expect(isLinearizable(...history)).toBe(false);
  });

  it('says how many operations could be ordered', () => {
    const history = [write(1, 0, 1), read(1, 2, 3), read(7, 4, 5), read(1, 6, 7)];
    expect(longestLinearization(register, history)).toEqual({ linearizable: false, ordered: 2 });
  });

  it('agrees with trying every order, on small random histories', () => {
    let state = 12345;
    const draw = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    let refused = 0;
    for (let round = 0; round < 2000; round++) {
      const history = Array.from({ length: 5 }, () => {
        const from = draw(12);
        const call: Call = draw(2) === 0 ? 'read' : { write: 1 + draw(2) };
        return operation(call, from, call !== 'read' && draw(4) === 0 ? undefined : from + 1 + draw(6), draw(3));
      });
      const { linearizable } = longestLinearization(register, history);
      expect(linearizable).toBe(anyOrderFits(history, [], 0));
      if (!linearizable) refused++;
    }
    expect(refused).toBeGreaterThan(200);
    expect(refused).toBeLessThan(1800);
  });

  it('checks two hundred operations with a dozen lost answers in a blink', () => {
    const history: Operation<Call, number>[] = [];
    for (let at = 0; at < 200; at++) {
      if (at % 16 === 0) history.push(write(1000 + at, at * 10));
      history.push(at % 2 === 0 ? write(at, at * 10, at * 10 + 15) : read(at - 1, at * 10 + 6, at * 10 + 9));
    }
    expect(isLinearizable(...history)).toBe(true);
    expect(isLinearizable(...history, read(3, 5000, 5001))).toBe(false);
  });
});

/** The definition itself, by brute force. */
function anyOrderFits(left: readonly Operation<Call, number>[], taken: readonly number[], state: number): boolean {
  const open = left.map((_, at) => at).filter((at) => !taken.includes(at));
  const answered = open.filter((at) => left[at]!.answered !== undefined);
  if (answered.length === 0) return true;
  const firstAnswer = Math.min(...answered.map((at) => left[at]!.answered!.at));
  return open.some((at) => {
    const { call, calledAt, answered: end } = left[at]!;
    if (calledAt > firstAnswer) return false;
    const next = register.step(state, call, end?.answer);
    return next !== undefined && anyOrderFits(left, [...taken, at], next.state);
  });
}
