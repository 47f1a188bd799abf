import { Inflights } from './inflights';

describe('Inflights', () => {
  it('is full when it holds as many messages as it may', () => {
    const inflights = new Inflights(2, 1000);

    inflights.add(1, 10);
    expect(inflights.full).toBe(false);
    inflights.add(2, 10);
    expect(inflights.full).toBe(true);
  });

  it('is full when it holds as many bytes as it may, with however few messages', () => {
    const inflights = new Inflights(10, 1000);

    inflights.add(1, 999);
    expect(inflights.full).toBe(false);
    inflights.add(2, 1);
    expect(inflights.full).toBe(true);
  });

  it.each([
    ['nothing, for an answer below', 4, 3, 60],
    ['one, for an answer to the first', 5, 2, 50],
    ['one, for an answer within the second', 7, 2, 50],
    ['two, for an answer to the second alone: the first has arrived too', 10, 1, 30],
    ['all, for an answer beyond', 99, 0, 0],
  ])('frees %s', (_, index, messages, bytes) => {
    const inflights = new Inflights(3, 1000);
    inflights.add(5, 10);
    inflights.add(10, 20);
    inflights.add(15, 30);

    inflights.freeTo(index);

    expect([inflights.messages, inflights.bytes]).toEqual([messages, bytes]);
  });

  it('gives up the oldest, and bears it where there is none', () => {
    const inflights = new Inflights(3, 1000);
    inflights.add(5, 10);
    inflights.add(10, 20);

    inflights.freeFirst();
    expect([inflights.messages, inflights.bytes]).toEqual([1, 20]);
    inflights.freeFirst();
    inflights.freeFirst();
    expect([inflights.messages, inflights.bytes]).toEqual([0, 0]);
  });

  it('forgets all of them at once', () => {
    const inflights = new Inflights(1, 1000);
    inflights.add(5, 2000);

    inflights.clear();

    expect([inflights.messages, inflights.bytes, inflights.full]).toEqual([0, 0, false]);
  });
});
