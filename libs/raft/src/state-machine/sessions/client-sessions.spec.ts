import { type Entry, makeEntry } from '../../core/base/entry';
import { encodeClock } from '../entries/clock-entry';
import { KEY_TTL_MS, MAX_KEYS, MAX_SESSION_ANSWERS, MAX_SESSION_BYTES, MAX_SESSIONS } from '../entries/client-limits';
import { CommandContext, QueryContext } from '../declare/command-context';
import {
  type CommandCall,
  decodeCommand,
  encodeCommand,
  relayedCommand,
  stampCommandTime,
} from '../entries/command-envelope';
import type { CommandOutcome, SnapshotSource } from '../contract';
import { RaftCommand, RaftQuery, RaftRestore, RaftSnapshot, RaftStateMachine } from '../declare/decorators';
import { KeyTable } from './key-table';
import { encodeQuery } from '../entries/query-envelope';
import { RaftRejection } from '../declare/raft-rejection';
import {
  decodeSessionOperation,
  encodeSessionOperation,
  type SessionOperation,
  stampSessionTime,
} from '../entries/session-entry';
import { SnapshotMap } from '../snapshot/snapshot-map';
import { StateMachineHost } from '../host/state-machine-host';
import { decodeValue } from '../codec/value-codec';

@RaftStateMachine('counters')
class Counters {
  readonly values = new SnapshotMap<string, number>();

  @RaftCommand()
  increment(_context: CommandContext, name: string): number {
    const value = (this.values.get(name) ?? 0) + 1;
    this.values.set(name, value);
    return value;
  }

  @RaftCommand()
  refuse(_context: CommandContext, name: string): void {
    this.increment(_context, name);
    throw new RaftRejection('NO', { at: this.values.get(name) });
  }

  @RaftCommand()
  fail(_context: CommandContext, name: string): void {
    this.increment(_context, name);
    throw new Error(`half a pair: \ud800, at ${this.values.get(name)}`);
  }

  @RaftCommand()
  sessionOf(context: CommandContext): unknown {
    return context.session === undefined ? null : { ...context.session };
  }

  @RaftCommand()
  large(context: CommandContext, bytes: number): Uint8Array {
    this.increment(context, 'large');
    return new Uint8Array(bytes);
  }

  @RaftQuery()
  current(_context: QueryContext, name: string): number {
    return this.values.get(name) ?? 0;
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}

@RaftStateMachine('others')
class Others extends Counters {}

/** A host and the log that it gets. */
class Tested {
  readonly host = new StateMachineHost([new Counters(), new Others()]);
  index = 0;
  timeMs = 1_000_000;

  async apply(entry: Omit<Entry, 'index'>, wanted = true): Promise<CommandOutcome> {
    const { kind, data, schemaVersion } = entry;
    const [outcome] = await this.host.apply([makeEntry(++this.index, 2, { kind, data, schemaVersion })], () => wanted);
    return outcome!;
  }

  command(call: Partial<CommandCall>, wanted = true): Promise<CommandOutcome> {
    return this.raw(encodeCommand({ machine: 'counters', command: 'increment', args: ['a'], ...call }), wanted);
  }

  raw(data: Uint8Array, wanted = true): Promise<CommandOutcome> {
    stampCommandTime(data, this.timeMs);
    return this.apply({ kind: 'command', data, schemaVersion: 0, term: 2, format: 1, checksum: 0 }, wanted);
  }

  operate(operation: SessionOperation): Promise<CommandOutcome> {
    const data = encodeSessionOperation(operation);
    stampSessionTime(data, this.timeMs);
    return this.apply({ kind: 'session', data, schemaVersion: 0, term: 2, format: 1, checksum: 0 });
  }

  async open(ttlMs = 60_000): Promise<string> {
    return valueOf(await this.operate({ kind: 'open', ttlMs, nonce: 0xabc })) as string;
  }

  clock(): Promise<CommandOutcome> {
    return this.apply({
      kind: 'clock',
      data: encodeClock(this.timeMs),
      schemaVersion: 0,
      term: 2,
      format: 1,
      checksum: 0,
    });
  }

  async current(name: string, machine = 'counters'): Promise<unknown> {
    return valueOf(await this.host.query(encodeQuery({ machine, query: 'current', args: [name] })));
  }

  async chunks(): Promise<Uint8Array[]> {
    const source = await this.host.capture();
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.chunks()) chunks.push(chunk);
    source.release();
    return chunks;
  }

  /** Another node, from a snapshot of this one. */
  async copy(): Promise<Tested> {
    const copy = new Tested();
    await copy.host.restore({ term: 2, index: this.index }, replay(await this.chunks()));
    copy.index = this.index;
    copy.timeMs = this.timeMs;
    return copy;
  }
}

async function* replay(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}

function valueOf(outcome: CommandOutcome): unknown {
  if (outcome.status !== 'applied') throw new Error(`it is ${JSON.stringify(outcome)}`);
  return outcome.value === undefined ? undefined : decodeValue(outcome.value);
}

const at = (clientId: string, sequence: number, ackedThrough = 0) => ({ clientId, sequence, ackedThrough });

describe('Client sessions in the state machine', () => {
  it('trap 38: apply a command once, however often it comes, and answer each time with the first result and index', async () => {
    const tested = new Tested();
    const id = await tested.open();
    const first = await tested.command({ session: at(id, 1) });
    const firstIndex = tested.index;
    expect([valueOf(first), first]).toEqual([
      1,
      expect.not.objectContaining({ firstIndex: expect.anything() as unknown }),
    ]);
    await tested.command({});
    const again = await tested.command({ session: at(id, 1) });
    expect([valueOf(again), again]).toEqual([1, expect.objectContaining({ firstIndex })]);
    expect(await tested.current('a')).toBe(2);
  });

  it('trap 38: keep the answer where nobody waited for it, as on every node but one', async () => {
    const tested = new Tested();
    const id = await tested.open();
    expect(valueOf(await tested.command({ session: at(id, 1) }, false))).toBeUndefined();
    expect(valueOf(await tested.command({ session: at(id, 1) }))).toBe(1);
  });

  it('trap 38: are in the snapshot, with their answers and keys, whichever node restores it', async () => {
    const tested = new Tested();
    const id = await tested.open();
    const outcomes: CommandOutcome[] = [];
    const calls: Partial<CommandCall>[] = [
      { session: at(id, 1) },
      { session: at(id, 5), machine: 'others' },
      { session: at(id, 3), command: 'refuse' },
      { session: at(id, 4), command: 'fail' },
      { session: at(id, 7), command: 'large', args: [200_000] },
      { idempotencyKey: 'k' },
    ];
    for (const call of calls) await tested.command(call);
    for (const call of calls) outcomes.push(await tested.command(call));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'applied',
      'applied',
      'rejected',
      'failed',
      'applied',
      'applied',
    ]);
    const copy = await tested.copy();
    expect((await copy.chunks()).map((chunk) => Buffer.from(chunk).toString('hex'))).toEqual(
      (await tested.chunks()).map((chunk) => Buffer.from(chunk).toString('hex')),
    );
    for (const [position, call] of calls.entries()) expect(await copy.command(call)).toEqual(outcomes[position]);
    expect(copy.host.nextExpiryMs()).toBe(tested.host.nextExpiryMs());
  });

  it('answer refusals and bugs again as they were, details and all', async () => {
    const tested = new Tested();
    const id = await tested.open();
    await tested.command({ session: at(id, 1), command: 'refuse' });
    await tested.command({ session: at(id, 2), command: 'fail' });
    await tested.command({});
    expect(await tested.command({ session: at(id, 1), command: 'refuse' })).toEqual({
      status: 'rejected',
      reason: 'NO',
      message: 'refused: NO',
      details: { at: 1 },
      firstIndex: 2,
    });
    expect(await tested.command({ session: at(id, 2), command: 'fail' })).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('at 2') as string,
    });
    expect(await tested.current('a')).toBe(3);
  });

  it('hand out answers that share no memory with what is kept', async () => {
    const tested = new Tested();
    const id = await tested.open();
    for (let time = 0; time < 2; time++) {
      const outcome = await tested.command({ session: at(id, 1) });
      if (outcome.status === 'applied') outcome.value!.fill(0xff);
    }
    expect(valueOf(await tested.command({ session: at(id, 1) }))).toBe(1);
  });

  it('take commands in any order, with gaps, as forwarding reorders them', async () => {
    const tested = new Tested();
    const id = await tested.open();
    for (const sequence of [9, 2, 5, 1]) await tested.command({ session: at(id, sequence) });
    expect(await tested.current('a')).toBe(4);
    expect(valueOf(await tested.command({ session: at(id, 2) }))).toBe(2);
  });

  it('forget what the client has acknowledged, and say so of a command at or below it, without applying it', async () => {
    const tested = new Tested();
    const id = await tested.open();
    await tested.command({ session: at(id, 1) });
    await tested.command({ session: at(id, 4, 2) });
    for (const sequence of [1, 2])
      expect(await tested.command({ session: at(id, sequence) })).toMatchObject({
        status: 'sessionExpired',
        message: expect.stringContaining('up to 2 are gone') as string,
      });
    expect(valueOf(await tested.command({ session: at(id, 4, 2) }))).toBe(2);
    expect(await tested.command({ session: at(id, 5, Number.MAX_SAFE_INTEGER) })).toMatchObject({
      status: 'sessionExpired',
    });
    expect(await tested.current('a')).toBe(2);
  });

  it('are told apart: the same sequence of another session is another command', async () => {
    const tested = new Tested();
    const [left, right] = [await tested.open(), await tested.open()];
    expect(left).not.toBe(right);
    expect(valueOf(await tested.command({ session: at(left, 1) }))).toBe(1);
    expect(valueOf(await tested.command({ session: at(right, 1) }))).toBe(2);
  });

  it('refuse the commands of a session that was never opened, or was closed', async () => {
    const tested = new Tested();
    const id = await tested.open();
    await tested.operate({ kind: 'close', clientId: id });
    for (const clientId of [id, '77.0'])
      expect(await tested.command({ session: at(clientId, 1) })).toMatchObject({ status: 'sessionExpired' });
    expect(await tested.operate({ kind: 'keepAlive', clientId: id, ackedThrough: 0 })).toMatchObject({
      status: 'sessionExpired',
    });
    expect((await tested.operate({ kind: 'close', clientId: id })).status).toBe('applied');
    expect(await tested.current('a')).toBe(0);
  });

  describe('expire', () => {
    it('by the time in entries alone: all nodes at the same entry, whatever their clocks say', async () => {
      jest.useFakeTimers({ now: 0 });
      try {
        const tested = new Tested();
        const id = await tested.open(5000);
        jest.setSystemTime(10_000_000);
        expect(valueOf(await tested.command({ session: at(id, 1) }))).toBe(1);
        tested.timeMs += 4999;
        expect(valueOf(await tested.command({ session: at(id, 1) }))).toBe(1);
        tested.timeMs += 5000;
        expect(await tested.command({ session: at(id, 1) })).toMatchObject({ status: 'sessionExpired' });
      } finally {
        jest.useRealTimers();
      }
    });

    it('at a clock entry, which is asked for when the first of them is due', async () => {
      const tested = new Tested();
      expect(tested.host.nextExpiryMs()).toBeUndefined();
      const [short, long] = [await tested.open(5000), await tested.open(9000)];
      expect(tested.host.nextExpiryMs()).toBe(1_005_000);
      tested.timeMs = 1_005_000;
      await tested.clock();
      expect(tested.host.nextExpiryMs()).toBe(1_009_000);
      expect(await tested.command({ session: at(short, 1) })).toMatchObject({ status: 'sessionExpired' });
      expect(valueOf(await tested.command({ session: at(long, 1) }))).toBe(1);
      tested.timeMs = 1_014_000;
      await tested.clock();
      expect(tested.host.nextExpiryMs()).toBeUndefined();
    });

    it('later by each of their entries, be it a command or a sign of life', async () => {
      const tested = new Tested();
      const id = await tested.open(5000);
      for (let round = 0; round < 4; round++) {
        tested.timeMs += 3000;
        if (round % 2 === 0) await tested.operate({ kind: 'keepAlive', clientId: id, ackedThrough: 0 });
        else await tested.command({ session: at(id, round) });
      }
      tested.timeMs += 4999;
      await tested.clock();
      expect(valueOf(await tested.command({ session: at(id, 9) }))).toBe(3);
    });

    it('at the same entry on a node that restored a snapshot', async () => {
      const tested = new Tested();
      const id = await tested.open(5000);
      const copy = await tested.copy();
      for (const each of [tested, copy]) {
        each.timeMs += 4999;
        expect(valueOf(await each.command({ session: at(id, 1) }))).toBe(1);
        each.timeMs += 5000;
        await each.clock();
        expect(each.host.nextExpiryMs()).toBeUndefined();
      }
    });
  });

  describe('have bounds that are the same on every node', () => {
    it('in number, beyond which none is opened until one ends', async () => {
      const tested = new Tested();
      const first = await tested.open(5000);
      for (let count = 1; count < MAX_SESSIONS; count++) await tested.open();
      expect(await tested.operate({ kind: 'open', ttlMs: 5000, nonce: 0 })).toMatchObject({
        status: 'busy',
        reason: 'TOO_MANY_SESSIONS',
      });
      await tested.operate({ kind: 'close', clientId: first });
      expect(await tested.open()).toBe(`${tested.index}.abc`);
    });

    it('in answers, beyond which nothing is applied until some are acknowledged; repetitions are answered still', async () => {
      const tested = new Tested();
      const id = await tested.open();
      for (let sequence = 1; sequence <= MAX_SESSION_ANSWERS; sequence++)
        await tested.command({ session: at(id, sequence) }, false);
      expect(await tested.command({ session: at(id, MAX_SESSION_ANSWERS + 1) })).toMatchObject({
        status: 'busy',
        reason: 'TOO_MANY_ANSWERS',
      });
      expect(valueOf(await tested.command({ session: at(id, 77) }))).toBe(77);
      expect(valueOf(await tested.command({ session: at(id, MAX_SESSION_ANSWERS + 1, 1) }))).toBe(
        MAX_SESSION_ANSWERS + 1,
      );
    });

    it('in bytes of answers', async () => {
      const tested = new Tested();
      const id = await tested.open();
      const large = { command: 'large', args: [MAX_SESSION_BYTES / 2] };
      await tested.command({ ...large, session: at(id, 1) }, false);
      await tested.command({ ...large, session: at(id, 2) }, false);
      expect(await tested.command({ ...large, session: at(id, 3) })).toMatchObject({ reason: 'TOO_MANY_ANSWERS' });
      await tested.operate({ kind: 'keepAlive', clientId: id, ackedThrough: 1 });
      expect((await tested.command({ ...large, session: at(id, 3, 1) }, false)).status).toBe('applied');
      expect(await tested.current('large')).toBe(3);
    });

    it('and a time to live within limits', async () => {
      const tested = new Tested();
      const data = encodeSessionOperation({ kind: 'open', ttlMs: 999, nonce: 0 });
      expect(() => stampSessionTime(data, 1)).toThrow(/can't live for 999 ms/);
      const outcome = await tested.apply({ kind: 'session', data, schemaVersion: 0, term: 2, format: 1, checksum: 0 });
      expect(outcome.status).toBe('failed');
    });
  });

  it('show a command the session that its caller chose, and not the one of a node that sent it on', async () => {
    const tested = new Tested();
    const session = at(await tested.open(), 1);
    const seen = { command: 'sessionOf', args: [] };
    expect(valueOf(await tested.command({ ...seen, session }))).toEqual(session);
    const relayed = relayedCommand(encodeCommand({ machine: 'counters', ...seen }), { ...session, sequence: 2 })!;
    expect(valueOf(await tested.raw(relayed))).toBeNull();
    expect(await tested.raw(relayed)).toHaveProperty('firstIndex');
  });
});

describe('Idempotency keys in the state machine', () => {
  it('trap 38: apply a command once, and answer its repetitions as the first', async () => {
    const tested = new Tested();
    const first = await tested.command({ idempotencyKey: 'order 7' });
    expect(valueOf(first)).toBe(1);
    const again = await tested.command({ idempotencyKey: 'order 7' });
    expect([valueOf(again), again]).toEqual([1, expect.objectContaining({ firstIndex: 1 })]);
    expect(await tested.current('a')).toBe(1);
  });

  it('refuse another command, other arguments and another machine under the same key', async () => {
    const tested = new Tested();
    await tested.command({ idempotencyKey: 'k' });
    for (const other of [{ args: ['b'] }, { command: 'sessionOf' }, { machine: 'others' }])
      expect(await tested.command({ idempotencyKey: 'k', ...other })).toMatchObject({ status: 'conflict' });
    expect([await tested.current('b'), await tested.current('a', 'others')]).toEqual([0, 0]);
  });

  it('end ten minutes of cluster time after their first use, at the latest eleven', async () => {
    const tested = new Tested();
    await tested.command({ idempotencyKey: 'k' });
    tested.timeMs += KEY_TTL_MS - 1;
    expect(valueOf(await tested.command({ idempotencyKey: 'k' }))).toBe(1);
    tested.timeMs = tested.host.nextExpiryMs()!;
    expect(tested.timeMs - 1_000_000).toBeLessThanOrEqual(KEY_TTL_MS + 60_000);
    expect(valueOf(await tested.command({ idempotencyKey: 'k' }))).toBe(2);
  });

  it('are captured as they are, while others come and end', async () => {
    const tested = new Tested();
    for (let number = 1; number <= 10; number++) {
      await tested.command({ idempotencyKey: `${number}` });
      tested.timeMs += KEY_TTL_MS / 4;
    }
    const index = tested.index;
    const source = await tested.host.capture();
    for (let number = 11; number <= 30; number++) {
      await tested.command({ idempotencyKey: `${number}` });
      tested.timeMs += KEY_TTL_MS / 4;
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.chunks()) chunks.push(chunk);
    const copy = new Tested();
    await copy.host.restore({ term: 2, index }, replay(chunks));
    copy.index = index;
    const repeated: boolean[] = [];
    for (let number = 1; number <= 11; number++)
      repeated.push('firstIndex' in (await copy.command({ idempotencyKey: `${number}` })));
    expect(repeated).toEqual([...Array<boolean>(5).fill(false), ...Array<boolean>(5).fill(true), false]);
  });

  it('are bounded in number, and go on once some have ended', () => {
    const keys = new KeyTable();
    const answer = { index: 1, status: 'applied', bytes: Uint8Array.of(1) } as const;
    for (let number = 1; number <= MAX_KEYS; number++) keys.reserve(`${number}`, 'f', number < 10 ? 0 : 90_000)(answer);
    expect(keys.admit('0', 'f', 100_000)).toMatchObject({
      status: 'busy',
      reason: 'TOO_MANY_KEYS',
      retryAfterMs: keys.dueMs - 100_000,
    });
    expect(keys.admit('1', 'f', 100_000)).toMatchObject({ status: 'applied', firstIndex: 1 });
    const firstDueMs = keys.dueMs;
    keys.expire(firstDueMs);
    expect([keys.size, keys.admit('0', 'f', firstDueMs)]).toEqual([MAX_KEYS - 9, undefined]);
    expect(keys.dueMs).toBeGreaterThan(firstDueMs);
    keys.expire(keys.dueMs);
    expect([keys.size, keys.dueMs]).toEqual([0, Number.POSITIVE_INFINITY]);
  });
});

describe('What stands in the log of clients', () => {
  it.each<[SessionOperation, string]>([
    [{ kind: 'open', ttlMs: 60_000, nonce: 0xdeadbeef }, '01010000000000000000000000000000ea60deadbeef'],
    [{ kind: 'keepAlive', clientId: '7.1', ackedThrough: 5 }, '0102000000000000000003372e310000000000000005'],
    [{ kind: 'close', clientId: '7.1' }, '0103000000000000000003372e31'],
  ])('keeps its bytes (%j)', (operation, hex) => {
    const data = encodeSessionOperation(operation);
    expect(Buffer.from(data).toString('hex')).toBe(hex);
    stampSessionTime(data, 5.9);
    expect(decodeSessionOperation(data)).toEqual({ timeMs: 5, operation });
  });

  it('has at most one of a session, a key and the session of a node', () => {
    const call = { machine: 'm', command: 'c', args: [1] };
    const session = { clientId: 'c1', sequence: 7, ackedThrough: 5 };
    expect(() => encodeCommand({ ...call, session, idempotencyKey: 'k' })).toThrow(/not both/);
    const keyed = encodeCommand({ ...call, idempotencyKey: 'k' });
    expect(Buffer.from(keyed).toString('hex')).toBe('01020000000000000000016d0163016b9101');
    const relayed = relayedCommand(encodeCommand(call), session)!;
    expect(decodeCommand(relayed)).toMatchObject({ ...call, session, isRelayed: true, idempotencyKey: undefined });
    for (const command of [keyed, relayed, encodeCommand({ ...call, session }), Uint8Array.of(1, 2)])
      expect(relayedCommand(command, session)).toBeUndefined();
  });
});
