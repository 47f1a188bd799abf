import { isRaftError, type RaftError } from '../../errors/raft-error';
import { CommandContext, QueryContext } from '../declare/command-context';
import { decodeCommand } from '../entries/command-envelope';
import type { CommandOutcome, SnapshotSource } from '../contract';
import { createReplicated, type ReplicatedClient } from './create-replicated';
import { RaftCommand, RaftQuery, RaftRestore, RaftSnapshot, RaftStateMachine } from '../declare/decorators';
import { decodeQuery } from '../entries/query-envelope';
import { RaftRejection } from '../declare/raft-rejection';
import { SnapshotMap } from '../snapshot/snapshot-map';
import { encodeValue } from '../codec/value-codec';

@RaftStateMachine('counters')
class Counters {
  private readonly values = new SnapshotMap<string, number>();

  @RaftCommand({ schemaVersion: 3 })
  increment(_context: CommandContext, name: string, by = 1): number {
    const value = (this.values.get(name) ?? 0) + by;
    this.values.set(name, value);
    return value;
  }

  @RaftQuery()
  current(_context: QueryContext, name: string): number {
    return this.values.get(name) ?? 0;
  }

  plain(): void {}

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}

/** Answers every call with one outcome, and keeps what was sent. */
class RecordingClient implements ReplicatedClient {
  readonly sent: { readonly call: object; readonly options: object }[] = [];
  outcome: CommandOutcome = { status: 'applied', value: encodeValue(5) };

  async propose(command: Uint8Array, options: object) {
    const { machine, command: name, args, session, idempotencyKey } = decodeCommand(command);
    this.sent.push({
      call: { machine, name, args, ...(session && { session }), ...(idempotencyKey && { idempotencyKey }) },
      options,
    });
    return { value: this.outcome, index: 9 };
  }

  async query(query: Uint8Array, options: object) {
    this.sent.push({ call: decodeQuery(query), options });
    return { value: this.outcome, index: 8 };
  }
}

async function errorOf(call: Promise<unknown>): Promise<RaftError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isRaftError(error)) throw new Error(`no RaftError: ${String(error)}`);
  return error;
}

describe('A caller of a state machine', () => {
  let client: RecordingClient;
  let counters: ReturnType<typeof createReplicated<Counters>>;

  beforeEach(() => {
    client = new RecordingClient();
    counters = createReplicated(Counters, client);
  });

  it('has the decorated methods and the options as its own properties, and nothing else', async () => {
    expect(Object.keys(counters).sort()).toEqual([
      '$after',
      '$caller',
      '$idempotencyKey',
      '$lease',
      '$ordered',
      '$session',
      '$stale',
      '$timeout',
      'current',
      'increment',
    ]);
    expect(Object.getPrototypeOf(counters)).toBe(Object.prototype);
    expect(Object.keys(counters.$stale()).sort()).toEqual(['$ordered', '$timeout', 'current']);
    // Nest asks what it injects for its hooks, and awaits it.
    expect('onModuleInit' in counters).toBe(false);
    await expect(Promise.resolve(counters)).resolves.toBe(counters);
  });

  it('sends a command with its schema version, and gives its result', async () => {
    await expect(counters.increment('visits', 2)).resolves.toBe(5);
    expect(client.sent).toEqual([
      {
        call: { machine: 'counters', name: 'increment', args: ['visits', 2] },
        options: { timeoutMs: undefined, schemaVersion: 3 },
      },
    ]);
  });

  it('sends queries as linearizable reads, unless told otherwise', async () => {
    await counters.current('visits');
    await counters.$stale().current('visits');
    await counters.$lease().$timeout(50).current('visits');
    expect(client.sent.map(({ options }) => options)).toEqual([
      { timeoutMs: undefined, consistency: 'linearizable' },
      { timeoutMs: undefined, consistency: 'stale' },
      { timeoutMs: 50, consistency: 'lease' },
    ]);
  });

  it('gives results with their index where they are asked for', async () => {
    await expect(counters.$ordered().increment('visits')).resolves.toEqual({ value: 5, index: 9 });
    await expect(counters.$timeout(70).$stale().$ordered().current('visits')).resolves.toEqual({ value: 5, index: 8 });
    expect(client.sent[1]?.options).toEqual({ timeoutMs: 70, consistency: 'stale' });
    expect(counters.$ordered()).toBe(counters.$ordered());
  });

  it('refuses a time-out that is none', () => {
    for (const timeoutMs of [0, -1, Number.NaN, Infinity])
      expect(() => counters.$timeout(timeoutMs)).toThrow(/must be a number of milliseconds above 0/);
  });

  it('gives each call its place in a session, and says whether it was answered', async () => {
    const ended: string[] = [];
    let sequence = 0;
    const session = {
      begin: () => ({ clientId: '7.1', sequence: ++sequence, ackedThrough: sequence - 1 }),
      end: (place: { readonly sequence: number }, answered: boolean) =>
        void ended.push(`${place.sequence} ${answered}`),
    };
    const inSession = counters.$session(session).$ordered();
    await expect(inSession.increment('visits')).resolves.toEqual({ value: 5, index: 9 });
    await inSession.current('visits');
    for (const outcome of [
      { status: 'rejected', reason: 'NO', message: 'no', details: 1 },
      { status: 'sessionExpired', message: 'it is gone' },
      { status: 'busy', reason: 'TOO_MANY_ANSWERS', message: 'it is full' },
    ] as const) {
      client.outcome = outcome;
      await errorOf(inSession.increment('visits'));
    }
    expect(client.sent[0]?.call).toMatchObject({ session: { clientId: '7.1', sequence: 1, ackedThrough: 0 } });
    expect(ended).toEqual(['1 true', '2 true', '3 false', '4 false']);
  });

  it('sends a key with each command, and says what else a session or a key may be answered with', async () => {
    const keyed = counters.$timeout(50).$idempotencyKey('order 7');
    await keyed.increment('visits');
    expect(client.sent[0]).toMatchObject({ call: { idempotencyKey: 'order 7' }, options: { timeoutMs: 50 } });
    client.outcome = { status: 'conflict', message: 'it was another' };
    expect(await errorOf(keyed.increment('visits'))).toMatchObject({
      code: 'RAFT_CONFLICT',
      message: 'it was another',
    });
    client.outcome = { status: 'busy', reason: 'TOO_MANY_KEYS', message: 'it is full' };
    expect(await errorOf(keyed.increment('visits'))).toMatchObject({ code: 'RAFT_BUSY', reason: 'TOO_MANY_KEYS' });
    client.outcome = { status: 'sessionExpired', message: 'it is gone' };
    expect((await errorOf(keyed.increment('visits'))).code).toBe('RAFT_SESSION_EXPIRED');
  });

  it('refuses a session that is none, a key that is none, and both together', () => {
    for (const session of [undefined, '7.1', { begin: () => undefined }])
      expect(() => counters.$session(session as never)).toThrow(/takes what openSession\(\) gave/);
    for (const key of ['', 'é'.repeat(128), '\ud800', 7])
      expect(() => counters.$idempotencyKey(key as never)).toThrow(/1 to 255 bytes/);
    const session = { begin: () => ({ clientId: 'c', sequence: 1, ackedThrough: 0 }), end: () => undefined };
    expect(() => counters.$session(session).$idempotencyKey('k')).toThrow(/not both/);
  });

  it('gives undefined for a result that is none', async () => {
    client.outcome = { status: 'applied', value: encodeValue(undefined) };
    await expect(counters.increment('visits')).resolves.toBeUndefined();
    client.outcome = { status: 'applied', value: undefined };
    await expect(counters.increment('visits')).resolves.toBeUndefined();
  });

  it('fails with the reason and the details of a refusal', async () => {
    client.outcome = { status: 'rejected', reason: 'FULL', message: 'refused: FULL', details: { limit: 3 } };
    const error = await errorOf(counters.increment('visits'));
    expect(error).toMatchObject({ code: 'RAFT_REJECTED', reason: 'FULL', details: { limit: 3 } });
    expect(error.message).toBe('counters.increment was refused: FULL');
  });

  it('fails under a reason of its own where the machine has a bug', async () => {
    client.outcome = { status: 'failed', message: 'counters.increment threw TypeError.' };
    expect(await errorOf(counters.increment('visits'))).toMatchObject({
      code: 'RAFT_REJECTED',
      reason: 'COMMAND_FAILED',
    });
    expect(await errorOf(counters.current('visits'))).toMatchObject({
      code: 'RAFT_REJECTED',
      reason: 'QUERY_FAILED',
      message: 'counters.increment threw TypeError.',
    });
  });

  it('rejects, and sends nothing, where an argument is no plain data', async () => {
    class Name {}
    const call = counters.increment(new Name() as string);
    await expect(call).rejects.toThrow('args[0] is a Name: pass plain data');
    expect(client.sent).toEqual([]);
  });
});

describe('The class of a state machine', () => {
  const noClient: ReplicatedClient = new RecordingClient();
  const errorMessage = (type: new () => object): string => {
    try {
      createReplicated(type, noClient);
    } catch (error) {
      expect(error).toMatchObject({ code: 'RAFT_CONFIGURATION' });
      return (error as Error).message;
    }
    throw new Error('it was accepted');
  };
  abstract class Stored {
    @RaftSnapshot()
    capture(): SnapshotSource {
      throw new RaftRejection('UNUSED');
    }

    @RaftRestore()
    async restore(_chunks: AsyncIterable<Uint8Array>): Promise<void> {}
  }

  it('needs its decorator', () => {
    class Undecorated extends Counters {}
    expect(errorMessage(Undecorated)).toBe('Undecorated has no @RaftStateMachine(name): put it on the class.');
    expect(errorMessage(class Plain {})).toBe('Plain has no @RaftStateMachine(name): put it on the class.');
  });

  it('needs a name that logs and snapshots can hold', () => {
    for (const name of ['', '1st', 'a b', 'x'.repeat(64), 'ä']) {
      @RaftStateMachine(name)
      class Named extends Stored {
        @RaftCommand()
        run(_context: CommandContext): void {}
      }
      expect(errorMessage(Named)).toBe(
        `Named can't be a state machine. Its name is ${JSON.stringify(name)}: it must be 1 to 63 characters of [A-Za-z0-9_.-] and begin with a letter.`,
      );
    }
  });

  it('needs a command', () => {
    @RaftStateMachine('idle')
    class Idle extends Stored {
      @RaftQuery()
      read(_context: QueryContext): number {
        return 1;
      }
    }
    expect(errorMessage(Idle)).toMatch(/It has no command: put @RaftCommand\(\)/);
  });

  it('needs the pair of snapshot and restore, once', () => {
    @RaftStateMachine('neither')
    class Neither {
      @RaftCommand()
      run(_context: CommandContext): void {}
    }
    @RaftStateMachine('half')
    class Half extends Neither {
      @RaftSnapshot()
      capture(): SnapshotSource {
        throw new RaftRejection('UNUSED');
      }
    }
    @RaftStateMachine('twice')
    class Twice extends Stored {
      @RaftCommand()
      run(_context: CommandContext): void {}

      @RaftSnapshot()
      again(): SnapshotSource {
        return this.capture();
      }
    }
    expect(errorMessage(Neither)).toMatch(/It has neither @RaftSnapshot\(\) nor @RaftRestore\(\)/);
    expect(errorMessage(Half)).toMatch(/It has @RaftSnapshot\(\) and no @RaftRestore\(\): it needs the pair/);
    expect(errorMessage(Twice)).toMatch(/It has @RaftSnapshot\(\) on capture and again: one is needed/);
  });

  it('has one role for each method, and names that callers can have', () => {
    @RaftStateMachine('odd')
    class Odd extends Stored {
      @RaftCommand()
      @(RaftQuery() as MethodDecorator)
      both(_context: CommandContext): void {}

      @RaftCommand()
      // oxlint-disable-next-line unicorn/no-thenable -- what is refused
      then(_context: CommandContext): void {}

      @RaftCommand()
      onModuleInit(_context: CommandContext): void {}

      @RaftQuery()
      $price(_context: QueryContext): number {
        return 1;
      }

      @(RaftCommand() as MethodDecorator)
      async later(_context: CommandContext): Promise<void> {}

      @RaftCommand()
      *steps(_context: CommandContext): Generator<number> {
        yield 1;
      }

      @RaftCommand({ schemaVersion: -1 })
      versioned(_context: CommandContext): void {}

      @(RaftCommand() as MethodDecorator)
      static shared(): void {}
    }
    const sentence = errorMessage(Odd);
    expect(sentence).toMatch(/both has both @RaftQuery\(\) and @RaftCommand\(\): a method is one of them/);
    expect(sentence).toMatch(/then can't be called from outside/);
    expect(sentence).toMatch(/onModuleInit can't be called from outside/);
    expect(sentence).toMatch(/\$price can't be called from outside/);
    expect(sentence).toMatch(/The command later is async/);
    expect(sentence).toMatch(/steps has @RaftCommand\(\) and is a generator/);
    expect(sentence).toMatch(/versioned has schemaVersion -1/);
    expect(sentence).toMatch(/shared is static/);
  });

  it('inherits methods, and has a name of its own', () => {
    @RaftStateMachine('more-counters')
    class MoreCounters extends Counters {
      @RaftQuery()
      override current(context: QueryContext, name: string): number {
        return super.current(context, name) + 1;
      }
    }
    expect(Object.keys(createReplicated(MoreCounters, noClient))).toEqual(
      expect.arrayContaining(['increment', 'current']),
    );
    expect(() => createReplicated(Counters, noClient)).not.toThrow();
  });
});
