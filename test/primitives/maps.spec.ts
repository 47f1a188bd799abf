import type { RaftMapChange } from 'nestjs-raft';
import { MapMachine } from '../../libs/raft/src/nest/primitives/map/map.machine';
import { HISTORY_LENGTH } from '../../libs/raft/src/nest/primitives/map/map-record';
import { RaftMap } from '../../libs/raft/src/nest/primitives/map/raft-map';
import { MachineLog } from './machine-log';
import { PrimitiveCluster, type PrimitiveNode } from './primitive-cluster';

describe('the machine of maps', () => {
  let log: MachineLog;
  beforeEach(() => {
    log = new MachineLog('raft.maps', new MapMachine());
  });

  it('ends keys by the time in the log, and not before', async () => {
    await log.at(1_000, 'set', 'flags', 'a', 1, { ttlMs: 500 });
    await log.at(1_400, 'set', 'flags', 'b', 2);
    expect(await log.ask('get', 'flags', 'a')).toEqual({ value: 1, version: 1, expiresAt: 1_500 });
    expect(await log.at(1_499, 'expire')).toEqual({ nextInMs: 1 });
    expect(await log.at(1_500, 'expire')).toEqual({ nextInMs: null });
    expect(await log.ask('get', 'flags', 'a')).toBeNull();
    expect(await log.ask('size', 'flags')).toBe(1);
    expect(log.changes().at(-1)).toEqual({ map: 'flags', type: 'expire', key: 'a', index: 4 });
  });

  it('takes a key whose end has come as absent, though nobody has ended it yet', async () => {
    await log.at(1_000, 'set', 'flags', 'a', 1, { ttlMs: 500 });
    await log.at(2_000, 'set', 'other', 'x', 1);
    expect(await log.ask('get', 'flags', 'a')).toBeNull();
    expect(await log.ask('scan', 'flags', '', null, 10)).toEqual({ entries: [], next: null });
    expect(await log.at(2_000, 'set', 'flags', 'a', 2, { ifVersion: 0 })).toBe(3);
    expect(log.changes().map((change) => (change as RaftMapChange).type)).toEqual(['set', 'set', 'expire', 'set']);
  });

  it('begins a ttl anew with each write, and lets a write without one stay', async () => {
    await log.at(1_000, 'set', 'flags', 'a', 1, { ttlMs: 500 });
    await log.at(1_400, 'set', 'flags', 'a', 2, { ttlMs: 500 });
    expect(await log.at(1_600, 'expire')).toEqual({ nextInMs: 300 });
    await log.at(1_700, 'set', 'flags', 'a', 3);
    expect(await log.at(9_000, 'expire')).toEqual({ nextInMs: null });
    expect(await log.ask('get', 'flags', 'a')).toMatchObject({ value: 3 });
  });

  it('refuses a write whose version does not hold, and changes nothing', async () => {
    await log.at(1, 'set', 'flags', 'a', 1);
    for (const ifVersion of [0, 2])
      await expect(log.at(1, 'set', 'flags', 'a', 2, { ifVersion })).rejects.toMatchObject({
        reason: 'CONFLICT',
        details: { version: 1 },
      });
    await expect(log.at(1, 'delete', 'flags', 'a', { ifVersion: 9 })).rejects.toThrow('CONFLICT');
    expect(await log.at(1, 'set', 'flags', 'a', 3, { ifVersion: 1 })).toBe(5);
  });

  it('scans a prefix in order, page by page, of one map alone', async () => {
    for (const key of ['b.2', 'a', 'b.1', 'c', 'b.3', 'b']) await log.at(1, 'set', 'flags', key, key);
    await log.at(1, 'set', 'flag', 'b.0', 0);
    const first = await log.ask<{ entries: { key: string }[]; next: string }>('scan', 'flags', 'b.', null, 2);
    expect(first.entries.map(({ key }) => key)).toEqual(['b.1', 'b.2']);
    const second = await log.ask<{ entries: { key: string }[] }>('scan', 'flags', 'b.', first.next, 2);
    expect(second).toMatchObject({ entries: [{ key: 'b.3' }], next: null });
    expect(await log.ask('scan', 'unknown', '', null, 2)).toEqual({ entries: [], next: null });
  });

  it('keeps a bounded history, says what it has forgotten, and has the same after a snapshot', async () => {
    const writes = HISTORY_LENGTH + 50;
    for (let write = 1; write <= writes; write++) await log.at(write, 'set', 'flags', `k${write % 7}`, write);
    const copy = await log.copy(new MapMachine());
    for (const each of [log, copy]) {
      expect(await each.ask('changesFrom', 'flags', '', 51)).toMatchObject({ forgottenThrough: 50, isAll: false });
      const seen: number[] = [];
      let page: { changes: RaftMapChange[]; through: number; isAll: boolean };
      let from = 51;
      do {
        page = await each.ask('changesFrom', 'flags', '', from);
        seen.push(...page.changes.map(({ index }) => index));
        from = page.through + 1;
      } while (!page.isAll);
      expect(seen).toEqual(Array.from({ length: HISTORY_LENGTH }, (_, at) => at + 51));
    }
    expect(await log.at(5_000, 'set', 'flags', 'x', 1)).toBe(await copy.at(5_000, 'set', 'flags', 'x', 1));
    expect(await copy.ask('changesFrom', 'flags', 'x', writes)).toEqual(
      await log.ask('changesFrom', 'flags', 'x', writes),
    );
  });

  it('keeps what one entry changed together in a page of the history', async () => {
    for (let key = 0; key < 256; key++) await log.at(1, 'set', 'flags', `a${key}`, key, { ttlMs: 10 });
    await log.at(20, 'expire');
    const page = await log.ask<{ through: number; isAll: boolean; changes: unknown[] }>(
      'changesFrom',
      'flags',
      '',
      200,
    );
    expect(page).toMatchObject({ isAll: true });
    expect(page.changes).toHaveLength(57 + 256);
  });

  it('goes on with its deadlines after a snapshot', async () => {
    await log.at(1_000, 'set', 'flags', 'a', 1, { ttlMs: 500 });
    const copy = await log.copy(new MapMachine());
    expect(await copy.ask('dueAt')).toBe(1_500);
    expect(await copy.at(1_500, 'expire')).toEqual({ nextInMs: null });
    expect(await copy.ask('size', 'flags')).toBe(0);
  });
});

describe('maps of a cluster', () => {
  let cluster: PrimitiveCluster<MapMachine>;
  beforeEach(async () => {
    cluster = await PrimitiveCluster.start(MapMachine);
  });
  afterEach(() => cluster.stop());

  const mapOf = (node: PrimitiveNode<MapMachine>): RaftMap<unknown> => new RaftMap('flags', node.parts);
  const watch = (node: PrimitiveNode<MapMachine>, options?: { prefix?: string; fromIndex?: number }) => {
    const heard: RaftMapChange[] = [];
    const failure: { code?: string } = {};
    const subscription = mapOf(node)
      .watch(options)
      .subscribe({
        next: (change) => heard.push(change),
        error: (error: { code: string }) => (failure.code = error.code),
      });
    return { heard, failure, subscription };
  };

  it('are read and written on any node, compare and set, and are gone when their ttl has ended, though nobody writes', async () => {
    const [one, two] = cluster.followers.map(mapOf) as [RaftMap<unknown>, RaftMap<unknown>];
    const version = await cluster.ends(one.set('a', { on: true }, { ttlMs: 2_000 }));
    expect(await cluster.ends(two.entry('a'))).toMatchObject({ value: { on: true }, version });
    expect(await cluster.ends(two.get('a', { after: version }))).toEqual({ on: true });
    const conflict = await cluster.cluster.outcome(two.compareAndSet('a', 0, 1));
    expect(conflict).toMatchObject({
      code: 'RAFT_CONFLICT',
      message: expect.stringContaining(`its version is ${version}`),
    });
    const deleted = await cluster.cluster.outcome(two.compareAndDelete('b', 7));
    expect(deleted).toMatchObject({ code: 'RAFT_CONFLICT', message: expect.stringContaining('the key is absent') });

    const watched = watch(cluster.followers[0]!);
    await cluster.pass(2_100);

    expect(watched.heard.map(({ type }) => type)).toEqual(['expire']);
    expect(await cluster.ends(one.get('a', { consistency: 'stale' }))).toBeUndefined();
  });

  it('tell a watch every change of its prefix from an index on, once and in order', async () => {
    const map = mapOf(cluster.leader);
    const first = await cluster.ends(map.set('a.1', 1));
    await cluster.ends(map.set('b.1', 1));
    const watched = watch(cluster.followers[0]!, { prefix: 'a.', fromIndex: first });
    const writes = Array.from({ length: 20 }, (_, at) => map.set(`${at % 2 === 0 ? 'a' : 'b'}.${at}`, at));
    await cluster.ends(Promise.all(writes));
    await cluster.ends(map.delete('a.2'));
    await cluster.pass(200);

    expect(watched.heard.map(({ type, key }) => `${type} ${key}`)).toEqual([
      'set a.1',
      ...Array.from({ length: 10 }, (_, at) => `set a.${at * 2}`),
      'delete a.2',
    ]);
    const indexes = watched.heard.map(({ index }) => index);
    expect(indexes).toEqual([...new Set(indexes)].toSorted((left, right) => left - right));
    watched.subscription.unsubscribe();
  });

  it('tell a watch without an index what comes from the call on, the next write included', async () => {
    const { leader } = cluster;
    await cluster.ends(mapOf(leader).set('old', 1));
    const watched = watch(leader);
    const written = mapOf(leader).set('new', 1);
    await cluster.ends(written);
    await cluster.pass(100);
    expect(watched.heard.map(({ key }) => key)).toEqual(['new']);
  });

  it('fail a watch whose index is forgotten with RAFT_COMPACTED', async () => {
    const map = mapOf(cluster.leader);
    for (let round = 0; round < 6; round++)
      await cluster.ends(Promise.all(Array.from({ length: 200 }, (_, at) => map.set(`k${at}`, round))));
    const watched = watch(cluster.leader, { fromIndex: 1 });
    await cluster.pass(50);
    expect(watched.failure.code).toBe('RAFT_COMPACTED');
    const page = await cluster.ends(map.scan({ limit: 1_000 }));
    expect(page.entries).toHaveLength(200);
    const again = watch(cluster.leader, { fromIndex: page.index + 1 });
    await cluster.ends(map.set('after', 1));
    await cluster.pass(50);
    expect(again.heard.map(({ key }) => key)).toEqual(['after']);
  });

  it('page through all entries', async () => {
    const map = mapOf(cluster.followers[0]!);
    await cluster.ends(
      Promise.all(Array.from({ length: 25 }, (_, at) => map.set(`k${String(at).padStart(2, '0')}`, at))),
    );
    const all = (async () => {
      const values: unknown[] = [];
      for await (const { value } of map.entries({ limit: 10 })) values.push(value);
      return values;
    })();
    expect(await cluster.ends(all)).toEqual(Array.from({ length: 25 }, (_, at) => at));
    expect(await cluster.ends(map.size())).toBe(25);
    expect(await cluster.ends(map.has('k03'))).toBe(true);
  });
});
