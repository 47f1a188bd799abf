import type { RaftMachineEvent } from 'nestjs-raft';
import type { KeyChange } from '../key-value.machine';
import { ChangeHistory, type WatchEvent } from './change-history';

const put = (index: number, key = `/k${index}`): RaftMachineEvent<KeyChange> => ({
  kind: 'change',
  index,
  term: 1,
  now: 0,
  command: 'put',
  value: { key, json: '1' },
});
const indexes = (events: readonly WatchEvent[]): readonly string[] =>
  events.map((event) => (event.kind === 'gap' ? `gap ${event.index}` : `${event.change.index}`));

describe('ChangeHistory', () => {
  const watch = (history: ChangeHistory, after?: number): WatchEvent[] => {
    const events: WatchEvent[] = [];
    history.watch(after, (event) => events.push(event));
    return events;
  };

  it('tells a watcher what it has missed, and then each change', () => {
    const history = new ChangeHistory();
    for (const index of [3, 5, 8]) history.hear(put(index));
    const events = watch(history, 3);
    history.hear(put(9));
    expect(indexes(events)).toEqual(['5', '8', '9']);
  });

  it('begins now for a watcher that names no index', () => {
    const history = new ChangeHistory();
    history.hear(put(3));
    const events = watch(history);
    history.hear(put(4));
    expect(indexes(events)).toEqual(['4']);
    expect(history.index).toBe(4);
  });

  it('says that changes are gone that it keeps no more, and goes on from there', () => {
    const history = new ChangeHistory(4);
    for (let index = 1; index <= 10; index++) history.hear(put(index));
    const kept = indexes(watch(history, 9));
    expect(kept).toEqual(['10']);
    const events = indexes(watch(history, 1));
    expect(events[0]).toMatch(/^gap \d+$/);
    expect(events.at(-1)).toBe('10');
    expect(Number(events[0]!.slice(4)) + 1).toBe(Number(events[1]));
  });

  it('keeps no more bytes than it may', () => {
    const history = new ChangeHistory(1000, 1000);
    for (let index = 1; index <= 5; index++) history.hear(put(index, `/${'x'.repeat(150)}`));
    expect(indexes(watch(history, 0))[0]).toMatch(/^gap/);
    history.hear(put(6, `/${'x'.repeat(5000)}`));
    expect(indexes(watch(history, 0))).toEqual(['gap 6']);
  });

  it('says to everybody that a snapshot took the place of what led to it', () => {
    const history = new ChangeHistory();
    history.hear(put(3));
    const events = watch(history, 3);
    history.hear({ kind: 'replaced', index: 50 });
    history.hear(put(51));
    expect(indexes(events)).toEqual(['gap 50', '51']);
    expect(indexes(watch(history, 50))).toEqual(['51']);
    expect(indexes(watch(history, 49))).toEqual(['gap 50', '51']);
  });

  it('leaves out what a watcher has from a node that was ahead', () => {
    const history = new ChangeHistory();
    history.hear(put(3));
    const events = watch(history, 5);
    for (const index of [4, 5, 6]) history.hear(put(index));
    expect(indexes(events)).toEqual(['6']);
  });

  it('tells nothing any more to who has gone', () => {
    const history = new ChangeHistory();
    const events: WatchEvent[] = [];
    history.watch(undefined, (event) => events.push(event))();
    history.hear(put(1));
    expect(events).toEqual([]);
  });
});
