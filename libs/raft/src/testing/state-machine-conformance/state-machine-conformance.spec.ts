import type { Entry } from '../../core/base/entry';
import { SeededRandom } from '../../core/base/random';
import type { LogId } from '../../core/base/types';
import {
  CommandContext,
  type CommandOutcome,
  type CommandSession,
  encodeCommand,
  encodeQuery,
  QueryContext,
  RaftCommand,
  RaftQuery,
  RaftRejection,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  type ReplicatedStateMachine,
  SnapshotMap,
  type SnapshotSource,
  StateMachineHost,
} from '../../state-machine';
import {
  describeStateMachineConformance,
  runStateMachineConformanceCheck,
  STATE_MACHINE_CONFORMANCE_CHECKS,
  type StateMachineConformanceSubject,
} from '.';

const CUTS =
  'makes the same state, answers and sessions of one log, whatever slices, restarts, snapshots and installs cut it';

@RaftStateMachine('notes')
class Notes {
  protected readonly notes = new SnapshotMap<number, string>();
  private readonly recent: number[] = [];

  /** Its result is a part of the state that the next command changes. */
  @RaftCommand()
  add(context: CommandContext, number: number): readonly number[] {
    const key = number % 4096;
    this.notes.set(key, `${number} at ${context.now}, ${context.random()}`.padEnd(60, '.'));
    this.recent.unshift(this.notes.size * 100_000 + number);
    this.recent.length = 1;
    return this.recent;
  }

  @RaftCommand()
  refuse(_context: CommandContext): void {
    throw new RaftRejection('FULL', { size: this.notes.size });
  }

  @RaftCommand()
  fail(context: CommandContext): void {
    (undefined as unknown as { crash(context: CommandContext): void }).crash(context);
  }

  @RaftQuery()
  all(_context: QueryContext): ReadonlyMap<number, string> {
    return new Map(this.notes);
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.notes.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.notes.restore(chunks);
  }
}

function subjectOf(create: () => ReplicatedStateMachine): StateMachineConformanceSubject {
  const command = (name: string, args: readonly unknown[]): Uint8Array =>
    encodeCommand({ machine: 'notes', command: name, args });
  return {
    create,
    command: (number) => command('add', [number]),
    refusedCommand: () => command('refuse', []),
    failingCommand: () => command('fail', []),
    unknownCommand: () => command('unheardOf', []),
    query: () => encodeQuery({ machine: 'notes', query: 'all', args: [] }),
  };
}

describeStateMachineConformance('The host', () => subjectOf(() => new StateMachineHost([new Notes()])));

describe('The suite', () => {
  /** @returns the names of the checks that the subject doesn't pass */
  async function failures(create: () => ReplicatedStateMachine): Promise<string[]> {
    const failed: string[] = [];
    for (const check of STATE_MACHINE_CONFORMANCE_CHECKS)
      try {
        await runStateMachineConformanceCheck(check, subjectOf(create));
      } catch {
        failed.push(check.name);
      }
    return failed;
  }

  class Host extends StateMachineHost {
    constructor(machine: object = new Notes()) {
      super([machine]);
    }
  }

  it('fails a machine whose results are encoded after the batch', async () => {
    class Late extends Host {
      override async apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        const outcomes = await super.apply(entries, wanted);
        const last = outcomes.findLast((outcome) => outcome.status === 'applied');
        return outcomes.map((outcome) =>
          outcome.status === 'applied' && outcome.value !== undefined ? (last ?? outcome) : outcome,
        );
      }
    }
    expect(await failures(() => new Late())).toContain(
      'makes the same state and outcomes of the same log, whatever the batches and whoever waits',
    );
  });

  it('fails a machine that skips the command that it does not have', async () => {
    class Skipping extends Host {
      private skipped = 0;

      override async apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        const known = entries.filter(({ data }) => !Buffer.from(data).includes('unheardOf'));
        this.skipped += entries.length - known.length;
        return super.apply(
          known.map((entry) => ({ ...entry, index: entry.index - this.skipped })),
          wanted,
        );
      }
    }
    expect(await failures(() => new Skipping())).toContain(
      'stops at a command that it does not have, and skips nothing',
    );
  });

  it('fails a machine that takes entries with a gap', async () => {
    class Careless extends Host {
      private next = 0;

      override apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        return super.apply(
          entries.map((entry) => ({ ...entry, index: ++this.next })),
          wanted,
        );
      }
    }
    expect(await failures(() => new Careless())).toContain('stops at a gap, and at an entry that it has had');
  });

  it('fails a machine that draws numbers of its own', async () => {
    let seed = 0;
    @RaftStateMachine('notes')
    class Dice extends Notes {
      private readonly own = new SeededRandom(++seed);

      @RaftCommand()
      override add(context: CommandContext, number: number): readonly number[] {
        const result = super.add(context, number);
        this.notes.set(number % 4096, `${this.own.next()}`);
        return result;
      }
    }
    expect(await failures(() => new Host(new Dice()))).toContain(
      'makes the same state and outcomes of the same log, whatever the batches and whoever waits',
    );
  });

  it('fails a machine that does more where somebody waits', async () => {
    class Watched extends Host {
      override async apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        const outcomes = await super.apply(entries, wanted);
        return outcomes.map((outcome, i): CommandOutcome =>
          outcome.status === 'rejected' && !wanted(entries[i]!.index) ? { ...outcome, details: undefined } : outcome,
        );
      }
    }
    expect(await failures(() => new Watched())).toContain('answers a refusal with its reason and details, and goes on');
  });

  it('fails a machine that captures its state when it is read', async () => {
    @RaftStateMachine('notes')
    class Lazy extends Notes {
      @RaftSnapshot()
      override capture(): SnapshotSource {
        const { notes } = this;
        return {
          async *chunks() {
            yield* notes.capture().chunks();
          },
          release: () => undefined,
        };
      }
    }
    expect(await failures(() => new Host(new Lazy()))).toEqual(
      expect.arrayContaining([
        'captures a state that no later command changes',
        'keeps several captures apart, and lets go of one that nobody reads',
      ]),
    );
  });

  it('fails a machine that adds what it restores to what it has', async () => {
    @RaftStateMachine('notes')
    class Merging extends Notes {
      @RaftRestore()
      override async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
        const restored = new SnapshotMap<number, string>();
        await restored.restore(chunks);
        for (const [key, value] of restored) this.notes.set(key, value);
      }
    }
    expect(await failures(() => new Host(new Merging()))).toContain('replaces the whole state by a restore');
  });

  it('fails a machine whose time follows every stamp', async () => {
    class Jumping extends Host {
      private stamp = 0;

      override apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        for (const { kind, data } of entries)
          if (kind === 'command') this.stamp = Number(Buffer.from(data).readBigUInt64BE(2));
        return super.apply(entries, wanted);
      }

      override clusterTimeMs(): number {
        return this.stamp;
      }
    }
    expect(await failures(() => new Jumping())).toContain('never sets the time of the cluster back');
  });

  it('fails a machine that believes every snapshot', async () => {
    class Trusting extends Host {
      override async restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
        const kept: Uint8Array[] = [];
        for await (const chunk of chunks) kept.push(chunk);
        await super.restore(last, replayOf(kept)).catch(() => undefined);
      }
    }
    expect(await failures(() => new Trusting())).toContain(
      'refuses a snapshot whose end, middle or bytes are missing or changed',
    );
  });

  it('fails a machine that forgets the time in its snapshot, or hands out chunks of any size', async () => {
    class Timeless extends Host {
      private restored = false;

      override async restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
        await super.restore(last, chunks);
        this.restored = true;
      }

      override clusterTimeMs(): number {
        return this.restored ? 0 : super.clusterTimeMs();
      }
    }
    class OneChunk extends Host {
      override async capture(): Promise<SnapshotSource> {
        const source = await super.capture();
        return {
          async *chunks() {
            const parts: Uint8Array[] = [];
            for await (const chunk of source.chunks()) parts.push(chunk);
            yield Buffer.concat(parts);
          },
          release: () => source.release(),
        };
      }
    }
    expect(await failures(() => new Timeless())).toContain(
      'restores what it captured: state, index and time, and goes on alike',
    );
    expect(await failures(() => new OneChunk())).toEqual([
      'captures a large state in chunks of at most 64 KiB, while commands go on between them',
    ]);
  });

  async function* replayOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }

  /** The tables of the host, which break here in ways that a machine of one's own may. */
  interface Inside {
    readonly clients: {
      clear(): void;
      readonly sessions: { expire(nowMs: number): void; admit(session: CommandSession): unknown };
      readonly keys: { clear(): void; expire(nowMs: number): void };
    };
  }
  const insideOf = (host: StateMachineHost): Inside => host as unknown as Inside;

  it('fails a machine that applies repetitions, or answers them with what they would be now', async () => {
    class Repeating extends Host {
      override apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        const { sessions } = insideOf(this).clients;
        const admit = sessions.admit.bind(sessions);
        sessions.admit = (session) => {
          const known = admit(session) as CommandOutcome | undefined;
          return known?.status === 'applied' ? undefined : known;
        };
        return super.apply(entries, wanted);
      }
    }
    expect(await failures(() => new Repeating())).toContain(
      'applies a command of a session once, and answers repetitions as the first, whoever waited for that',
    );
  });

  it('fails a machine whose snapshot has no sessions', async () => {
    class Forgetful extends Host {
      override async restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
        await super.restore(last, chunks);
        insideOf(this).clients.clear();
      }
    }
    expect(await failures(() => new Forgetful())).toEqual(['keeps sessions and their answers over a snapshot', CUTS]);
  });

  it('fails a machine whose sessions never end, or end by themselves', async () => {
    class Immortal extends Host {
      override apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        insideOf(this).clients.sessions.expire = () => undefined;
        return super.apply(entries, wanted);
      }
    }
    class Impatient extends Host {
      override apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        if (entries[0]?.index !== 1) insideOf(this).clients.sessions.expire(Number.MAX_SAFE_INTEGER);
        return super.apply(entries, wanted);
      }
    }
    const check = 'ends sessions by the time in entries alone, and says when the first is due';
    expect(await failures(() => new Immortal())).toEqual([check]);
    expect(await failures(() => new Impatient())).toContain(check);
  });

  it('fails a machine of which the cuts show', async () => {
    /** Sessions that end within a slice are gone from its beginning. */
    class Hasty extends Host {
      override apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        const times = entries
          .filter(({ kind, data }) => kind === 'command' && data.length > 10)
          .map(({ data }) => Number(Buffer.from(data).readBigUInt64BE(2)));
        if (entries.length > 1) insideOf(this).clients.sessions.expire(Math.max(0, ...times));
        return super.apply(entries, wanted);
      }
    }
    /** Keys last as long as the process. */
    class Keyless extends Host {
      override async restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
        await super.restore(last, chunks);
        insideOf(this).clients.keys.clear();
      }
    }
    /** Keys end with the slice in which they are due, and not with the entry. */
    class Late extends Host {
      override async apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        const { keys } = insideOf(this).clients;
        const expire = keys.expire.bind(keys);
        let dueMs = 0;
        keys.expire = (nowMs) => {
          dueMs = nowMs;
        };
        const outcomes = await super.apply(entries, wanted);
        keys.expire = expire;
        expire(dueMs);
        return outcomes;
      }
    }
    for (const make of [() => new Hasty(), () => new Keyless(), () => new Late()])
      expect(await failures(make)).toContain(CUTS);
  });

  it('lets a machine pass that keeps no sessions and says so', async () => {
    class Sessionless extends Host {
      override apply(entries: readonly Entry[], wanted: (index: number) => boolean) {
        return super.apply(
          entries.map((entry) => (entry.kind === 'session' ? { ...entry, kind: 'noop' } : entry)),
          wanted,
        );
      }
    }
    expect(await failures(() => new Sessionless())).toEqual([]);
  });
});
