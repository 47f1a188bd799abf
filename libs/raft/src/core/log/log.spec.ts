import { encodeConfiguration } from '../membership/configuration-codec';
import type { DurableState } from '../base/effects';
import { makeEntry, type Entry, type EntryKind } from '../base/entry';
import { InvariantError } from '../base/invariant';
import { RaftLog } from './log';
import { initialConfiguration } from '../membership/membership';
import { ORIGIN } from '../base/types';

const genesis = initialConfiguration(
  ['a', 'b'].map((name) => ({ name, peer: `${name}:1`, http: '', incarnation: name })),
);
const changed = { ...genesis, voters: [1], learners: [2] };

const entry = (index: number, term: number, kind: EntryKind = 'command'): Entry =>
  makeEntry(index, term, {
    kind,
    schemaVersion: 0,
    data: kind === 'configuration' ? encodeConfiguration(changed) : new Uint8Array(3),
  });

/** Entries 1 to 5 of terms 1 1 2 2 4, of which the first two are known to be committed. */
const durable: DurableState = {
  hardState: { term: 4, votedFor: 0 },
  commitIndex: 2,
  lastBatch: 9,
  snapshot: ORIGIN,
  lastIndex: 5,
  terms: [
    { firstIndex: 1, term: 1 },
    { firstIndex: 3, term: 2 },
    { firstIndex: 5, term: 4 },
  ],
  configuration: { index: 0, configuration: genesis },
  configurationEntries: [],
};

const logOf = (change: Partial<DurableState> = {}, appliedIndex = 0): RaftLog =>
  new RaftLog({ ...durable, ...change }, appliedIndex, 1_000_000);

describe('RaftLog', () => {
  it('knows a stored log by its terms alone', () => {
    const log = logOf();

    expect(log.lastId).toEqual({ index: 5, term: 4 });
    expect(log.commitId).toEqual({ index: 2, term: 1 });
    expect(log.window.sizeBytes).toBe(0);
  });

  it.each([
    [4, 5, true],
    [4, 9, true],
    [5, 1, true],
    [4, 4, false],
    [3, 9, false],
  ])('trap 5: a log that ends in term %i at index %i is up to date: %s', (term, index, upToDate) => {
    expect(logOf().isUpToDate({ term, index })).toBe(upToDate);
  });

  it('trap 23: what the state machine applied was committed, whatever commit index was written last', () => {
    expect(logOf({}, 4).commitIndex).toBe(4);
    expect(logOf({}, 1).commitIndex).toBe(2);
  });

  it.each<[string, Partial<DurableState>, number]>([
    ['its commit index', { commitIndex: 6 }, 0],
    ['what is applied', {}, 6],
  ])('trap 23: a store that ends before %s has lost its tail, and is refused with what to do', (_, change, applied) => {
    expect(() => logOf(change, applied)).toThrow(InvariantError);
    expect(() => logOf(change, applied)).toThrow(/log ends at 5.*up to 6.*lost its tail/);
  });

  it('trap 12: what is committed is never cut', () => {
    const log = logOf();

    expect(() => log.truncateFrom(2)).toThrow(/entry 2 conflicts.*committed up to 2.*corrupt/);
    log.truncateFrom(3);
    expect(log.lastId).toEqual({ index: 2, term: 1 });
  });

  it('the commit index neither goes back nor beyond the end', () => {
    const log = logOf();

    expect(() => log.commitTo(1)).toThrow(InvariantError);
    expect(() => log.commitTo(6)).toThrow(InvariantError);
    expect(log.commitIndex).toBe(2);
  });

  it('a configuration takes effect when the commit index passes it, and the newest that was passed counts', () => {
    const log = logOf();
    log.append(entry(6, 4, 'configuration'));
    log.append(entry(7, 4));
    log.append(entry(8, 4, 'configuration'));

    expect(log.commitTo(5)).toEqual([]);
    expect(log.commitTo(6)).toEqual([{ index: 6, configuration: changed }]);
    expect(log.commitTo(7)).toEqual([]);
    expect(log.commitTo(8).at(-1)?.index).toBe(8);
  });

  it('a configuration that was cut off never takes effect', () => {
    const log = logOf();
    log.append(entry(6, 4, 'configuration'));

    log.truncateFrom(6);
    log.append(entry(6, 5));

    expect(log.commitTo(6)).toEqual([]);
  });

  it('trap 9: stored configurations up to the commit index are passed at once, those above wait', () => {
    const configurationEntries = [
      entry(1, 1, 'configuration'),
      entry(2, 1, 'configuration'),
      entry(3, 2, 'configuration'),
    ];
    const log = logOf({ configuration: { index: 1, configuration: genesis }, configurationEntries });

    expect(log.configurationsPassed().at(-1)?.index).toBe(2);
    expect(log.configurationsPassed()).toEqual([]);
    expect(log.commitTo(3).at(-1)?.index).toBe(3);
  });

  it('counts the bytes that it holds, and passes over those that it does not', () => {
    const log = logOf();
    const size = 3 + 32;
    for (let index = 6; index <= 9; index++) log.append(entry(index, 4));

    expect(log.bytesBetween(6, 8)).toBe(2 * size);
    expect(log.bytesBetween(2, 7)).toBe(2 * size);
    expect(log.bytesBetween(9, 9)).toBe(0);
  });
});
