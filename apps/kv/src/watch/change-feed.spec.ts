import type { RaftMachineEvent } from 'nestjs-raft';
import type { EventFeedOptions, EventSink } from 'nestjs-raft/admin';
import type { KeyChange } from '../key-value.machine';
import { ChangeFeed } from './change-feed';

const put = (index: number, key = `/k${index}`): RaftMachineEvent<KeyChange> => ({
  kind: 'change',
  index,
  term: 1,
  now: 0,
  command: 'put',
  value: { key, json: '1' },
});

describe('ChangeFeed', () => {
  const feedOf = (indexes: readonly number[], options?: EventFeedOptions): ChangeFeed => {
    const feed = new ChangeFeed(options);
    for (const index of indexes) feed.onEvent(put(index));
    return feed;
  };
  const watch = (feed: ChangeFeed, after?: number, prefix = '/'): (() => Promise<readonly string[]>) => {
    let text = '';
    const sink: EventSink = {
      writableLength: 0,
      write: (bytes) => (text += bytes.toString()) !== '',
      end: () => undefined,
      destroy: () => undefined,
      on: () => undefined,
    };
    feed.watch(sink, prefix, after);
    return async () => {
      await new Promise((resolve) => setTimeout(resolve));
      const told = [...text.matchAll(/^event: (\w+)\nid: (\d+)$/gm)].map(([, type, id]) => `${type} ${id}`);
      expect(told[0]).toMatch(/^watching/);
      return told.slice(1);
    };
  };

  it('tells a watcher what it has missed, and then each change', async () => {
    const feed = feedOf([3, 5, 8]);
    const told = watch(feed, 3);
    feed.onEvent(put(9));
    expect(await told()).toEqual(['put 5', 'put 8', 'put 9']);
  });

  it('begins now for a watcher that names no index, and tells of keys with its prefix alone', async () => {
    const feed = feedOf([3]);
    const told = watch(feed, undefined, '/k4');
    for (const index of [4, 5]) feed.onEvent(put(index));
    expect(await told()).toEqual(['put 4']);
    expect(feed.index).toBe(5);
  });

  it('says that changes are gone that it keeps no more, and goes on from there', async () => {
    const feed = feedOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { maxEvents: 4 });
    expect(await watch(feed, 9)()).toEqual(['put 10']);
    const [gap, first, ...rest] = await watch(feed, 1)();
    expect(gap).toMatch(/^compacted \d+$/);
    expect(first).toBe(`put ${Number(gap!.slice('compacted '.length)) + 1}`);
    expect(rest.at(-1)).toBe('put 10');
  });

  it('keeps no more bytes than it may', async () => {
    const feed = feedOf([], { maxBytes: 1000 });
    for (let index = 1; index <= 5; index++) feed.onEvent(put(index, `/${'x'.repeat(150)}`));
    expect((await watch(feed, 0)())[0]).toMatch(/^compacted/);
    feed.onEvent(put(6, `/${'x'.repeat(5000)}`));
    expect(await watch(feed, 0)()).toEqual(['compacted 5', 'put 6']);
  });

  it('says to everybody, once, that a snapshot took the place of what led to it', async () => {
    const feed = feedOf([3]);
    const told = watch(feed, 3, '/nothing/');
    feed.onEvent({ kind: 'replaced', index: 50 });
    feed.onEvent(put(51));
    expect(await told()).toEqual(['compacted 50']);
    expect(await watch(feed, 50)()).toEqual(['put 51']);
    expect(await watch(feed, 49)()).toEqual(['compacted 50', 'put 51']);
  });

  it('leaves out what a watcher has from a node that was ahead', async () => {
    const feed = feedOf([3]);
    const told = watch(feed, 5);
    for (const index of [4, 5, 6]) feed.onEvent(put(index));
    expect(await told()).toEqual(['put 6']);
  });
});
