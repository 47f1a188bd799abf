import type { MessageEvent } from '@nestjs/common';
import { Observable, type Subscriber } from 'rxjs';
import { NodeEventFeed } from './node-event-feed';
import { SinkUnderTest, turns } from './sink-under-test';

function setUp() {
  const subscribers: Subscriber<MessageEvent>[] = [];
  let subscriptions = 0;
  let serialised = 0;
  const status = (term: number): MessageEvent => ({
    type: 'status',
    data: {
      toJSON: () => {
        serialised++;
        return { term };
      },
    },
  });
  const source = {
    stream: () =>
      new Observable<MessageEvent>((subscriber) => {
        subscriptions++;
        subscribers.push(subscriber);
        subscriber.next(status(1));
      }),
  };
  const feed = new NodeEventFeed(source, { maxReaders: 3 });
  const join = (): SinkUnderTest => {
    const sink = new SinkUnderTest();
    feed.add(sink);
    return sink;
  };
  return {
    feed,
    join,
    tell: (term: number) => subscribers.at(-1)!.next(status(term)),
    complete: () => subscribers.at(-1)!.complete(),
    counts: () => ({ subscriptions, serialised, open: subscribers.filter(({ closed }) => !closed).length }),
  };
}

describe('NodeEventFeed', () => {
  it('serialises an event once for all readers, and tells each at once how things stand', async () => {
    const { join, tell, counts } = setUp();
    const first = join();
    tell(2);
    const [second, third] = [join(), join()];
    tell(3);
    await turns();
    expect(first.text.match(/"term":\d/g)).toEqual(['"term":1', '"term":2', '"term":3']);
    for (const later of [second, third]) expect(later.text.match(/"term":\d/g)).toEqual(['"term":2', '"term":3']);
    expect(counts()).toMatchObject({ subscriptions: 1, serialised: 3 });
  });

  it('listens to the node while somebody reads, and refuses readers above its bound', () => {
    const { feed, join, counts } = setUp();
    expect(counts().subscriptions).toBe(0);
    const readers = [join(), join(), join()];
    expect(() => feed.refuseWhereFull()).toThrow('3 readers have this stream');
    for (const reader of readers) reader.destroy();
    expect(counts()).toMatchObject({ subscriptions: 1, open: 0 });
    join();
    expect(counts()).toMatchObject({ subscriptions: 2, open: 1 });
  });

  it('ends every stream when the node stops', () => {
    const { join, complete } = setUp();
    const sink = join();
    complete();
    expect(sink.ended).toBe(true);
  });
});
