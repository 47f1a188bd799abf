import { readFileSync } from 'node:fs';
import { ENTRY_FORMAT, type Entry, makeEntry } from '../../core/base/entry';
import { encodeClock } from '../entries/clock-entry';
import { CommandContext, QueryContext } from '../declare/command-context';
import { encodeCommand, stampCommandTime } from '../entries/command-envelope';
import type { CommandOutcome, SnapshotSource } from '../contract';
import { RaftCommand, RaftQuery, RaftRestore, RaftSnapshot, RaftStateMachine } from '../declare/decorators';
import { CommandAbortedError, IncompleteStateError, UnknownEntryError } from './host-errors';
import { encodeQuery } from '../entries/query-envelope';
import { RaftRejection } from '../declare/raft-rejection';
import { SnapshotMap } from '../snapshot/snapshot-map';
import { StateMachineHost } from './state-machine-host';
import { decodeValue } from '../codec/value-codec';

class Secret {}

@RaftStateMachine('lab')
class Lab {
  readonly values = new SnapshotMap<string, unknown>();
  readonly list: number[] = [];

  @RaftCommand()
  set(_context: CommandContext, key: string, value: unknown): number {
    this.values.set(key, value);
    return this.values.size;
  }

  @RaftCommand()
  push(_context: CommandContext, number: number): readonly number[] {
    this.list.push(number);
    return this.list;
  }

  @RaftCommand()
  seen(context: CommandContext): object {
    const { index, term, now, session } = context;
    return { index, term, now, session, date: context.date(), random: [context.random(), context.random()] };
  }

  @(RaftCommand() as MethodDecorator)
  promise(_context: CommandContext): Promise<never> {
    return Promise.reject(new Error('after the command'));
  }

  @RaftCommand()
  thenable(_context: CommandContext): unknown {
    // oxlint-disable-next-line unicorn/no-thenable -- what is refused
    return { then: (): void => undefined };
  }

  @RaftCommand()
  secret(_context: CommandContext): object {
    return { owner: new Secret() };
  }

  @RaftCommand()
  refuseWithSecret(_context: CommandContext): void {
    throw new RaftRejection('NO', { owner: new Secret() });
  }

  @RaftCommand()
  refuse(_context: CommandContext): void {
    throw new RaftRejection('NO', this.list);
  }

  @RaftCommand()
  typo(_context: CommandContext): unknown {
    return (undefined as unknown as { readonly x: number }).x;
  }

  @RaftCommand()
  bug(_context: CommandContext): void {
    throw new RangeError('a range of the user');
  }

  @RaftCommand()
  ownError(_context: CommandContext): void {
    throw new Error('a text of the user');
  }

  @RaftCommand()
  nonsense(_context: CommandContext): void {
    // oxlint-disable-next-line typescript/only-throw-error -- what is answered
    throw 'a string';
  }

  @RaftCommand()
  overflow(context: CommandContext): number {
    return this.overflow(context) + 1;
  }

  @RaftCommand()
  wrappedOverflow(context: CommandContext): void {
    try {
      this.overflow(context);
    } catch (cause) {
      throw new Error('hidden', { cause });
    }
  }

  @RaftCommand()
  readFile(_context: CommandContext): void {
    readFileSync('/nonexistent/file');
  }

  @RaftCommand()
  longText(_context: CommandContext): string {
    return 'x'.repeat(2 ** 30 - 25);
  }

  @RaftQuery()
  get(_context: QueryContext, key: string): unknown {
    return this.values.get(key);
  }

  @RaftQuery()
  async later(context: QueryContext): Promise<object> {
    const { index, term, now } = context;
    return Promise.resolve({ index, term, now });
  }

  @RaftQuery()
  refused(_context: QueryContext): void {
    throw new RaftRejection('NOT_YOURS', 1);
  }

  @RaftQuery()
  deep(context: QueryContext): number {
    return this.deep(context) + 1;
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

@RaftStateMachine('second')
class Second {
  readonly values = new SnapshotMap<string, number>();
  captured = 0;
  released = 0;

  @RaftCommand()
  set(context: CommandContext, key: string): number {
    this.values.set(key, context.index);
    return context.random();
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    this.captured++;
    const source = this.values.capture();
    return {
      chunks: () => source.chunks(),
      release: () => {
        this.released++;
        source.release();
      },
    };
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}

const everyone = (): boolean => true;
const nobody = (): boolean => false;

function commandEntry(
  index: number,
  command: string,
  args: readonly unknown[] = [],
  { machine = 'lab', timeMs = index }: { machine?: string; timeMs?: number } = {},
): Entry {
  const data = encodeCommand({ machine, command, args });
  stampCommandTime(data, timeMs);
  return makeEntry(index, 2, { kind: 'command', schemaVersion: 0, data });
}

function valueOf(outcome: CommandOutcome | undefined): unknown {
  if (outcome?.status !== 'applied' || outcome.value === undefined) throw new Error(JSON.stringify(outcome));
  return decodeValue(outcome.value);
}

async function collect(source: SnapshotSource): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.chunks()) chunks.push(chunk);
  source.release();
  return chunks;
}

async function* replay(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

describe('The state machine host', () => {
  let told: string[];
  const hostOf = (...machines: object[]): StateMachineHost =>
    new StateMachineHost(machines, { logger: { warn: () => undefined, error: (message) => told.push(message) } });
  const only = async (host: StateMachineHost, entry: Entry, wanted = everyone): Promise<CommandOutcome> =>
    (await host.apply([entry], wanted))[0]!;

  beforeEach(() => {
    told = [];
  });

  it('gives a command its index, term and time, and the same random numbers everywhere', async () => {
    const entries = [commandEntry(1, 'seen', [], { timeMs: 5000 }), commandEntry(2, 'seen', [], { timeMs: 4000 })];
    const outcomes = await hostOf(new Lab()).apply(entries, everyone);
    expect(await hostOf(new Lab(), new Second()).apply(entries, everyone)).toEqual(outcomes);
    const [first, second] = outcomes.map(valueOf) as [Record<string, unknown>, Record<string, unknown>];
    expect(first).toMatchObject({ index: 1, term: 2, now: 5000, session: undefined, date: new Date(5000) });
    expect(second).toMatchObject({ index: 2, now: 5000, session: undefined });
    const drawn = [...(first['random'] as number[]), ...(second['random'] as number[])];
    expect(new Set(drawn).size).toBe(4);
    expect(drawn).toEqual([0.8886066672857851, 0.7085318472236395, 0.3465722401160747, 0.45791642693802714]);
  });

  it('draws other numbers for another machine', async () => {
    const [lab] = await hostOf(new Lab()).apply([commandEntry(1, 'seen')], everyone);
    const [second] = await hostOf(new Second()).apply([commandEntry(1, 'set', ['a'], { machine: 'second' })], everyone);
    expect((valueOf(lab) as { readonly random: number[] }).random[0]).not.toBe(valueOf(second));
  });

  it('encodes a result before the next command changes it', async () => {
    const outcomes = await hostOf(new Lab()).apply(
      [1, 2, 3].map((n) => commandEntry(n, 'push', [n])),
      everyone,
    );
    expect(outcomes.map(valueOf)).toEqual([[1], [1, 2], [1, 2, 3]]);
  });

  it('gives a command arguments of its own', async () => {
    const lab = new Lab();
    const entry = commandEntry(1, 'set', ['a', Uint8Array.of(1)]);
    await hostOf(lab).apply([entry], nobody);
    entry.data.fill(0);
    expect(lab.values.get('a')).toEqual(Uint8Array.of(1));
  });

  it('answers a promise as a bug, alike everywhere, and no rejection goes unhandled', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    try {
      for (const wanted of [everyone, nobody])
        expect(await only(hostOf(new Lab()), commandEntry(1, 'promise'), wanted)).toEqual({
          status: 'failed',
          message: 'lab.promise returned a Promise: a command ends before the next one begins.',
        });
      expect((await only(hostOf(new Lab()), commandEntry(1, 'thenable'))).status).toBe('failed');
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
      expect(told).toHaveLength(3);
    } finally {
      process.off('unhandledRejection', listener);
    }
  });

  it('answers a bug alike, without texts that depend on the engine, and logs its stack', async () => {
    const outcome = await only(hostOf(new Lab()), commandEntry(1, 'typo'), nobody);
    expect(outcome).toEqual({
      status: 'failed',
      message: "lab.typo threw TypeError. That is a bug of the state machine; the nodes' logs have the stack.",
    });
    expect(told[0]).toMatch(/At index 1: lab\.typo threw TypeError.*\n.*Cannot read properties of undefined.*\n\s+at /);
    const texts = [];
    for (const command of ['bug', 'ownError', 'nonsense'])
      texts.push(JSON.stringify(await only(hostOf(new Lab()), commandEntry(1, command))));
    expect(texts[0]).toMatch(/lab\.bug threw RangeError\./);
    expect(texts[1]).toMatch(/lab\.ownError threw Error: a text of the user\./);
    expect(texts[2]).toMatch(/lab\.nonsense threw something that is no Error\./);
  });

  it('answers a refusal without a word in the log, with details that are no part of the state', async () => {
    const host = hostOf(new Lab());
    const outcomes = await host.apply(
      [commandEntry(1, 'push', [1]), commandEntry(2, 'refuse'), commandEntry(3, 'push', [2])],
      nobody,
    );
    expect(outcomes[1]).toEqual({ status: 'rejected', reason: 'NO', message: 'refused: NO', details: [1] });
    expect(told).toEqual([]);
  });

  it('says which part of a result, or of details, is no plain data', async () => {
    expect(await only(hostOf(new Lab()), commandEntry(1, 'secret'))).toEqual({
      status: 'failed',
      message: "lab.secret was applied, but its result can't be sent: result.owner is a Secret: pass plain data",
      isApplied: true,
    });
    expect(await only(hostOf(new Lab()), commandEntry(1, 'refuseWithSecret'))).toEqual({
      status: 'failed',
      message:
        "lab.refuseWithSecret refused with NO, and details that can't be sent: details.owner is a Secret: pass plain data",
    });
  });

  it.each(['overflow', 'wrappedOverflow', 'readFile', 'longText'])(
    'stops where %s meets a limit of this process: that is no answer',
    async (command) => {
      const host = hostOf(new Lab());
      await expect(host.apply([commandEntry(1, command)], everyone)).rejects.toThrow(CommandAbortedError);
      await expect(host.apply([commandEntry(2, 'push', [1])], everyone)).rejects.toThrow(CommandAbortedError);
      await expect(host.query(encodeQuery({ machine: 'lab', query: 'get', args: ['a'] }))).rejects.toThrow(
        CommandAbortedError,
      );
      expect(() => host.capture()).toThrow(CommandAbortedError);
    },
  );

  it.each([
    [encodeCommand({ machine: 'lab', command: 'push', args: [1] }), undefined],
    [
      encodeCommand({ machine: 'other', command: 'push', args: [1] }),
      "There is no state machine 'other' on the leader.",
    ],
    [encodeCommand({ machine: 'lab', command: 'pull', args: [1] }), 'There is no command lab.pull on the leader.'],
    [Uint8Array.of(3, 0, 0), expect.stringContaining('format 3')],
    [Uint8Array.of(1, 0, 0), expect.stringContaining('malformed')],
  ])('says of a command, before it is in the log, why it could not be applied (case %#)', (command, refusal) => {
    expect(hostOf(new Lab()).refusalOf(command)).toEqual(refusal);
  });

  it('answers an envelope that nobody encoded alike everywhere, and goes on', async () => {
    const host = hostOf(new Lab());
    const malformed = makeEntry(1, 2, { kind: 'command', schemaVersion: 0, data: Uint8Array.of(1, 0, 0) });
    expect(await only(host, malformed)).toEqual({
      status: 'failed',
      message: 'A command is malformed at byte 2 of 3: 4 bytes are expected here',
    });
    await host.apply([commandEntry(2, 'push', [1])], everyone);
  });

  it.each([
    [
      'a machine',
      commandEntry(1, 'set', [], { machine: 'other' }),
      /is for the state machine 'other', which this node doesn't have/,
    ],
    ['a command', commandEntry(1, 'other'), /is the command lab\.other, which this node doesn't have/],
    ['a query as a command', commandEntry(1, 'get', ['a']), /is the command lab\.get, which/],
    ['an inherited method', commandEntry(1, 'toString'), /is the command lab\.toString, which/],
    [
      'a newer envelope',
      makeEntry(1, 2, { kind: 'command', schemaVersion: 0, data: Uint8Array.of(3) }),
      /newer version/,
    ],
    [
      'an entry of a later format',
      { ...commandEntry(1, 'set', ['a', 1]), format: ENTRY_FORMAT + 1 },
      /has format 2, and this version reads up to format 1/,
    ],
    [
      'formats of a later version of the cluster',
      makeEntry(1, 2, { kind: 'clusterVersion', schemaVersion: 0, data: Uint8Array.of(2) }),
      /raises the cluster to version 2, and this version of the library has the formats of version 1/,
    ],
    [
      'an operation on a session',
      makeEntry(1, 2, { kind: 'session', schemaVersion: 0, data: Uint8Array.of(1, 9, 0, 0, 0, 0, 0, 0, 0, 0) }),
      /session has format 9, .* newer version/,
    ],
  ])('stops at %s that it does not have', async (_name, entry, text) => {
    const host = hostOf(new Lab());
    const applied = host.apply([entry], everyone);
    await expect(applied).rejects.toThrow(UnknownEntryError);
    await expect(applied).rejects.toThrow(text);
  });

  it('takes the time of clock entries', async () => {
    const host = hostOf(new Lab());
    await host.apply([makeEntry(1, 2, { kind: 'clock', schemaVersion: 0, data: encodeClock(70) })], nobody);
    expect(host.clusterTimeMs()).toBe(70);
    const broken = makeEntry(2, 2, { kind: 'clock', schemaVersion: 0, data: new Uint8Array(1) });
    await expect(host.apply([broken], nobody)).rejects.toThrow(/clock entry is malformed/);
  });

  it('answers queries, asynchronous ones too', async () => {
    const host = hostOf(new Lab());
    await host.apply([commandEntry(1, 'set', ['a', { b: 1 }], { timeMs: 9 })], nobody);
    const ask = (query: string, args: readonly unknown[] = []): Promise<CommandOutcome> =>
      host.query(encodeQuery({ machine: 'lab', query, args }));
    expect(valueOf(await ask('get', ['a']))).toEqual({ b: 1 });
    expect(valueOf(await ask('later'))).toEqual({ index: 1, term: 2, now: 9 });
    expect(await ask('refused')).toEqual({
      status: 'rejected',
      reason: 'NOT_YOURS',
      message: 'refused: NOT_YOURS',
      details: 1,
    });
    expect(await ask('push')).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(/has no query lab\.push/) as string,
    });
    expect(await host.query(Uint8Array.of(7))).toMatchObject({ status: 'failed' });
    // A stack that overflows in a query concerns its caller only.
    expect(await ask('deep')).toMatchObject({ status: 'failed' });
    expect(valueOf(await ask('get', ['a']))).toEqual({ b: 1 });
  });

  it('refuses two machines of one name, and what is no machine', () => {
    @RaftStateMachine('lab')
    class OtherLab extends Lab {}
    expect(() => hostOf(new Lab(), new OtherLab())).toThrow(/Two state machines of one group are named 'lab'/);
    expect(() => hostOf({})).toThrow(/Object has no @RaftStateMachine\(name\)/);
    expect(() => new StateMachineHost(Array.from({ length: 256 }, () => new Lab()))).toThrow(/it can have 255/);
  });

  describe('makes one snapshot of all machines', () => {
    const log = [
      commandEntry(1, 'set', ['a', 1]),
      commandEntry(2, 'set', ['b'], { machine: 'second' }),
      commandEntry(3, 'set', ['c', new Uint8Array(200_000)], { timeMs: 77 }),
    ];
    const last = { term: 2, index: 3 };
    const applied = async (...machines: object[]): Promise<StateMachineHost> => {
      const host = hostOf(...machines);
      await host.apply(log, nobody);
      return host;
    };

    it('keeps its bytes', async () => {
      const host = hostOf(new Lab());
      await host.apply([commandEntry(1, 'set', ['a', 1], { timeMs: 5 })], nobody);
      const chunks = await collect(await host.capture());
      expect(chunks.map((chunk) => Buffer.from(chunk).toString('hex'))).toEqual(
        [
          '01 00000029 0002 0000000000000001 0000000000000002 0000000000000005 01 036c6162 0000 bef86505 8c28b28a 8ce2dd96',
          '07 00000000 16967440',
          '04 0000000d 01 00000000 0000000000000000 ff4e1f17',
          '05 00000008 0000000000000001 deed61f3',
          '02 00000001 00 43a4cd03',
          '04 00000014 01 00000003 a161 01 00000000 0000000000000001 80e68965',
          '05 00000008 0000000000000001 a2b167bf',
          '06 00000000 3b22aac0',
        ].map((frame) => frame.replaceAll(' ', '')),
      );
    });

    it('reads the bytes of the format before, which had no clients', async () => {
      const frames = [
        '01 0000001f 0001 0000000000000001 0000000000000002 0000000000000005 01 036c6162 3022c829',
        '02 00000001 00 f0f62442',
        '04 00000014 01 00000003 a161 01 00000000 0000000000000001 f940da4b',
        '05 00000008 0000000000000001 a9cf43b0',
        '06 00000000 eca42fd9',
      ].map((frame) => Buffer.from(frame.replaceAll(' ', ''), 'hex'));
      const lab = new Lab();
      const host = hostOf(lab);
      await host.restore({ term: 2, index: 1 }, replay(frames));
      expect([...lab.values, host.clusterTimeMs(), host.nextExpiryMs()]).toEqual([['a', 1], 5, undefined]);
    });

    it('restores each, whatever the order of the machines, and however the chunks are cut', async () => {
      const chunks = await collect(await (await applied(new Lab(), new Second())).capture());
      expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(64 * 1024);
      const bytes = Buffer.concat(chunks);
      const pieces = Array.from({ length: Math.ceil(bytes.length / 999) }, (_, i) =>
        bytes.subarray(i * 999, (i + 1) * 999),
      );
      for (const cut of [chunks, [bytes], pieces]) {
        const [lab, second] = [new Lab(), new Second()];
        const host = hostOf(second, lab);
        await host.restore(last, replay(cut));
        expect([...lab.values.keys(), ...second.values]).toEqual(['a', 'c', ['b', 2]]);
        expect([(await host.applied()).last, host.clusterTimeMs()]).toEqual([last, 77]);
        await host.apply([commandEntry(4, 'set', ['d', 1])], nobody);
      }
    });

    it('hands a machine the very chunks that it made, large ones too', async () => {
      const made = [new Uint8Array(0), new Uint8Array(150_000).fill(3), Uint8Array.of(1)];
      const got: Uint8Array[] = [];
      @RaftStateMachine('raw')
      class Raw {
        @RaftCommand()
        run(_context: CommandContext): void {}

        @RaftSnapshot()
        capture(): SnapshotSource {
          return { chunks: () => replay(made), release: () => undefined };
        }

        @RaftRestore()
        async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
          for await (const chunk of chunks) got.push(chunk);
        }
      }
      const chunks = await collect(await hostOf(new Raw()).capture());
      expect(Math.max(...chunks.map(({ length }) => length))).toBe(64 * 1024);
      await hostOf(new Raw()).restore({ term: 0, index: 0 }, replay(chunks));
      expect(got).toEqual(made);
    });

    it('takes a machine that the snapshot does not know back to its beginning', async () => {
      const chunks = await collect(
        await (async () => {
          const host = hostOf(new Lab());
          await host.apply([commandEntry(1, 'set', ['a', 1])], nobody);
          return host.capture();
        })(),
      );
      const second = new Second();
      second.values.set('old', 1);
      await hostOf(new Lab(), second).restore({ term: 2, index: 1 }, replay(chunks));
      expect(second.values.size).toBe(0);
    });

    it('touches nothing where the snapshot has a machine that this node does not have', async () => {
      const chunks = await collect(await (await applied(new Lab(), new Second())).capture());
      const lab = new Lab();
      const host = hostOf(lab);
      await host.apply([commandEntry(1, 'set', ['old', 1])], nobody);
      await expect(host.restore(last, replay(chunks))).rejects.toThrow(
        /holds the state machine 'second', which this node doesn't have/,
      );
      expect(lab.values.get('old')).toBe(1);
      await host.apply([commandEntry(2, 'set', ['new', 1])], nobody);
    });

    it('has no state after half a restore', async () => {
      const chunks = await collect(await (await applied(new Lab(), new Second())).capture());
      const host = hostOf(new Lab(), new Second());
      await expect(host.restore(last, replay(chunks.slice(0, -2)))).rejects.toThrow(
        'A snapshot is malformed: it ends too early',
      );
      await expect(host.apply([commandEntry(4, 'set', ['d', 1])], nobody)).rejects.toThrow(IncompleteStateError);
      expect(() => host.capture()).toThrow(/restored in part/);
      await host.restore(last, replay(chunks));
      await host.apply([commandEntry(4, 'set', ['d', 1])], nobody);
    });

    it('finds frames that are missing, moved or repeated', async () => {
      const chunks = await collect(await (await applied(new Lab(), new Second())).capture());
      for (let at = 0; at < chunks.length; at++) {
        const without = chunks.toSpliced(at, 1);
        const twice = chunks.toSpliced(at, 0, chunks[at]!);
        await expect(hostOf(new Lab(), new Second()).restore(last, replay(without))).rejects.toThrow(
          /A snapshot is malformed/,
        );
        await expect(hostOf(new Lab(), new Second()).restore(last, replay(twice))).rejects.toThrow(
          /A snapshot is malformed/,
        );
      }
      await expect(hostOf(new Lab()).restore(last, replay([]))).rejects.toThrow(/ends too early/);
      await expect(hostOf(new Lab()).restore(last, replay([Buffer.from('ffffffffffffffffff', 'hex')]))).rejects.toThrow(
        /longer than any/,
      );
    });

    it('finds a machine that stops reading before the end', async () => {
      @RaftStateMachine('lab')
      class Hasty extends Lab {
        @RaftRestore()
        override async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
          for await (const _chunk of chunks) break;
        }
      }
      const host = hostOf(new Lab());
      await host.apply([commandEntry(1, 'set', ['large', new Uint8Array(200_000)])], nobody);
      const chunks = await collect(await host.capture());
      await expect(hostOf(new Hasty()).restore({ term: 2, index: 1 }, replay(chunks))).rejects.toThrow(
        /'lab' was restored without all of its snapshot/,
      );
    });

    it('closes the source of a restore that failed', async () => {
      let closed = false;
      const source = async function* (): AsyncGenerator<Uint8Array> {
        try {
          yield new Uint8Array(100);
          yield new Uint8Array(100);
        } finally {
          closed = true;
        }
      };
      await expect(hostOf(new Lab()).restore(last, source())).rejects.toThrow(/malformed/);
      expect(closed).toBe(true);
    });

    it('lets go of every capture, also when one fails', async () => {
      @RaftStateMachine('third')
      class Third extends Second {
        @RaftSnapshot()
        override capture(): SnapshotSource {
          throw new Error('no capture');
        }
      }
      const second = new Second();
      expect(() => hostOf(second, new Third()).capture()).toThrow('no capture');
      expect([second.captured, second.released]).toEqual([1, 1]);
      const source = await hostOf(second).capture();
      source.release();
      source.release();
      expect(second.released).toBe(2);
    });
  });
});
