import { eventBlock } from './feed-event';
import { EventFeed, type EventFeedOptions } from './event-feed';
import { SinkUnderTest, turns } from './sink-under-test';

const HALF_A_MEGABYTE = 500_000;

function setUp(options: EventFeedOptions = {}) {
  const feed = new EventFeed(options);
  let encodings = 0;
  const publish = (id: number, bytes = 10, topic = 'a'): void =>
    feed.publish({
      id,
      topic,
      sizeBytes: bytes,
      encode: () => {
        encodings++;
        return eventBlock('put', id, 'x'.repeat(bytes));
      },
    });
  const join = (sink: SinkUnderTest, ...reading: Parameters<EventFeed['add']>[1][]): SinkUnderTest => {
    feed.add(sink, ...reading);
    return sink;
  };
  return { feed, publish, join, encodings: () => encodings };
}

/** Bytes of distinct buffers that connections hold on to. */
function heldBytes(sinks: readonly SinkUnderTest[]): number {
  const buffers = new Set(sinks.filter(({ destroyed }) => !destroyed).flatMap(({ handed }) => handed));
  return [...buffers].reduce((bytes, { length }) => bytes + length, 0);
}

describe('EventFeed', () => {
  it('puts an event into bytes once, which all readers share, and not while it is published', async () => {
    const { publish, join, encodings } = setUp({ maxReaders: 1_500 });
    const sinks = Array.from({ length: 1_500 }, () => join(new SinkUnderTest(16_384)));
    for (let id = 1; id <= 4; id++) publish(id, HALF_A_MEGABYTE);
    expect(encodings()).toBe(0);
    expect(sinks.every(({ handed }) => handed.length === 0)).toBe(true);
    await turns(1_000);
    // Their connections are full: nobody reads. All of them together hold the one event that each was handed.
    expect(encodings()).toBe(1);
    expect(sinks.map(({ handed }) => handed.length)).toEqual(sinks.map(() => 1));
    expect(heldBytes(sinks)).toBeLessThan(HALF_A_MEGABYTE + 100);
    for (let round = 0; round < 4; round++) {
      sinks.forEach((sink) => sink.read());
      await turns(1_000);
    }
    expect(encodings()).toBe(4);
    expect(sinks[0]!.idsOf('put')).toEqual([1, 2, 3, 4]);
    expect(sinks.every(({ handed }) => handed.length === 4)).toBe(true);
    expect(new Set(sinks.flatMap(({ handed }) => handed)).size).toBe(4);
  });

  it('puts nothing into bytes that nobody reads', async () => {
    const { publish, join, encodings } = setUp();
    join(new SinkUnderTest(), { wants: (topic) => topic === 'b' });
    publish(1);
    await turns();
    expect(encodings()).toBe(0);
  });

  it('writes a bounded number of bytes in one turn of the event loop, and serves everybody in turns', async () => {
    const { publish, join } = setUp();
    const sinks = Array.from({ length: 64 }, () => join(new SinkUnderTest()));
    publish(1, HALF_A_MEGABYTE);
    const done = (): number => sinks.filter(({ handed }) => handed.length > 0).length;
    await turns(1);
    expect(done()).toBeLessThanOrEqual(9);
    await turns();
    expect(done()).toBe(64);
  });

  it('refuses readers above its bound with a code, and has room again when one goes', () => {
    const { feed, join } = setUp({ maxReaders: 2 });
    const first = join(new SinkUnderTest());
    join(new SinkUnderTest());
    expect(() => feed.refuseWhereFull()).toThrow(
      expect.objectContaining({ code: 'RAFT_BUSY', retryAfterMs: expect.any(Number) as number }) as Error,
    );
    expect(() => join(new SinkUnderTest())).toThrow('2 readers');
    first.destroy();
    expect(feed.readerCount).toBe(1);
    join(new SinkUnderTest());
  });

  it('cuts with a code who is further behind than what is kept, and keeps the others', async () => {
    const { publish, join, feed } = setUp({ maxEvents: 8 });
    const slow = join(new SinkUnderTest(5));
    const quick = join(new SinkUnderTest());
    for (let id = 1; id <= 40; id++) {
      publish(id);
      await turns(2);
    }
    expect(quick.idsOf('put')).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
    expect(slow.idsOf('put')).toEqual([1]);
    expect(slow.text).toMatch(/event: cut\nid: \d+\ndata: \{"code":"RAFT_BUSY"/);
    expect([slow.ended, quick.ended, feed.readerCount]).toEqual([true, false, 1]);
  });

  it('lets connections that take nothing hold no more together than it keeps', async () => {
    const { publish, join } = setUp({ maxBytes: 4 * HALF_A_MEGABYTE });
    const sinks: SinkUnderTest[] = [];
    for (let id = 1; id <= 60; id++) {
      // Each of them is stuck with an event of its own.
      sinks.push(join(new SinkUnderTest(5)));
      publish(id, HALF_A_MEGABYTE);
      await turns(3);
      // What is kept, what those may hold whose events are kept no longer, and the newest.
      expect(heldBytes(sinks)).toBeLessThanOrEqual(9.1 * HALF_A_MEGABYTE);
    }
    expect(sinks.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(45);
  });

  it('tells who comes back what was missed, and nobody what comes from before a new beginning', async () => {
    const { feed, publish, join } = setUp();
    for (const id of [3, 5, 8]) publish(id);
    const back = join(new SinkUnderTest(), { after: 3 });
    await turns();
    feed.restart({ id: 50, topic: 'a', sizeBytes: 5, encode: () => eventBlock('gone', 50, '{}') });
    publish(51);
    await turns();
    expect([back.idsOf('put'), back.idsOf('gone')]).toEqual([[5, 8, 51], [50]]);
    expect(feed.gapThrough).toBe(50);
    const ahead = join(new SinkUnderTest(), { after: 51 });
    for (const id of [52, 53]) publish(id);
    await turns();
    expect(ahead.idsOf('put')).toEqual([52, 53]);
  });

  it('ends all readers when it is closed, and tells each that it has gone once', () => {
    const { feed, join } = setUp();
    const gone: string[] = [];
    const first = join(new SinkUnderTest(), { closed: () => gone.push('first') });
    join(new SinkUnderTest(), { closed: () => gone.push('second') });
    first.destroy();
    feed.close();
    expect(gone).toEqual(['first', 'second']);
  });
});
