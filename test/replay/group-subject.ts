import {
  type CommandContext,
  encodeCommand,
  type QueryContext,
  type RaftMachineEvent,
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
} from '../../libs/raft/src/state-machine';
import { JobMachine } from '../../libs/raft/src/nest/jobs/machine/job.machine';
import { BarrierMachine } from '../../libs/raft/src/nest/primitives/barrier/barrier.machine';
import { CounterMachine } from '../../libs/raft/src/nest/primitives/counter/counter.machine';
import { LockMachine } from '../../libs/raft/src/nest/primitives/lock/lock.machine';
import { MapMachine } from '../../libs/raft/src/nest/primitives/map/map.machine';
import { QueueMachine } from '../../libs/raft/src/nest/primitives/queue/queue.machine';
import { SemaphoreMachine } from '../../libs/raft/src/nest/primitives/semaphore/semaphore.machine';
import { SequenceMachine } from '../../libs/raft/src/nest/primitives/sequence/sequence.machine';
import { SnapshotReader } from '../../libs/raft/src/state-machine/snapshot/snapshot-reader';
import {
  type HasMemoryDatabase,
  MemoryDatabase,
  memoryRows,
  type RowsCommandContext,
} from '../../libs/raft/src/testing/memory-rows';
import type { StateMachineConformanceSubject } from '../../libs/raft/src/testing';

@RaftStateMachine('notes')
export class Notes {
  private readonly notes = new SnapshotMap<string, unknown>();

  @RaftCommand()
  put(context: CommandContext, key: string): string {
    const before = this.notes.get(key) as string | undefined;
    const text = `${context.index} at ${context.now}, ${context.random()}, before ${before?.length ?? 'none'}`;
    this.notes.set(key, text);
    context.emit({ key });
    return text;
  }

  @RaftCommand()
  refuse(_context: CommandContext, why: string): void {
    throw new RaftRejection('NO', { why, size: this.notes.size });
  }

  @RaftCommand()
  fail(_context: CommandContext, why: string): void {
    throw new Error(`by mistake: ${why}, ${this.notes.size}`);
  }

  /** What is applied and can't be told shows only where somebody waits. */
  @RaftCommand()
  unsendable(context: CommandContext, key: string): unknown {
    this.put(context, key);
    return new Secret();
  }

  @RaftCommand()
  large(_context: CommandContext, bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  @RaftQuery()
  size(_context: QueryContext): number {
    return this.notes.size;
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

class Secret {
  readonly word = 'hidden';
}

/** The same as {@link Notes}, in a database that outlasts the process. */
@RaftStateMachine('ledger', memoryRows())
export class Ledger implements HasMemoryDatabase {
  constructor(
    readonly database: MemoryDatabase,
    readonly pause?: HasMemoryDatabase['pause'],
  ) {}

  @RaftCommand()
  async put(context: RowsCommandContext, key: string): Promise<string> {
    const before = (await Promise.resolve(context.rows.get(key))) as string | undefined;
    const text = `${context.index} at ${context.now}, ${context.random()}, before ${before?.length ?? 'none'}`;
    context.rows.set(key, text);
    context.emit({ key });
    return text;
  }

  @RaftCommand()
  async refuse(context: RowsCommandContext, why: string): Promise<void> {
    await this.put(context, 'never there');
    throw new RaftRejection('NO', { why, size: context.rows.size });
  }

  @RaftCommand()
  async fail(context: RowsCommandContext, why: string): Promise<void> {
    await this.put(context, 'never there');
    throw new Error(`by mistake: ${why}, ${context.rows.size}`);
  }

  @RaftCommand()
  async unsendable(context: RowsCommandContext, key: string): Promise<unknown> {
    await this.put(context, key);
    return new Secret();
  }

  @RaftCommand()
  large(_context: RowsCommandContext, bytes: number): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(bytes));
  }
}

@RaftStateMachine('archive', memoryRows())
export class Archive extends Ledger {}

/** Ends `apply` in the middle, as a kill of the process does. */
export class ProcessKilled extends Error {
  override readonly name = 'ProcessKilled';
}

type Databases = readonly [MemoryDatabase, MemoryDatabase];

interface HostOptions {
  /** Told of each event. */
  readonly told?: (event: string) => void;
  readonly pause?: HasMemoryDatabase['pause'];
}

/** The machines of one node in one of its processes, over what outlasts that. */
export function hostOn(
  [ledger, archive]: Databases = [new MemoryDatabase(), new MemoryDatabase()],
  { told, pause }: HostOptions = {},
): StateMachineHost {
  const machines = [
    new Ledger(ledger, pause),
    new Notes(),
    new Archive(archive, pause),
    new LockMachine(),
    new SemaphoreMachine(),
    new CounterMachine(),
    new SequenceMachine(),
    new MapMachine(),
    new QueueMachine(),
    new BarrierMachine(),
    new JobMachine(),
  ];
  const onEvent = (machine: string, { index, kind }: RaftMachineEvent): void => told?.(`${index} ${machine} ${kind}`);
  const host = new StateMachineHost(machines, { onEvent });
  host.belongsTo('one cluster');
  return host;
}

/**
 * A group of everything: machines in memory and in two databases, the primitives, the jobs. Its whole state is what a snapshot
 * of it has, but for the digest's window, which isn't known where a state was ahead of the replay.
 *
 * @param killEvery of so many moments before and after a commit there is one at which the process is killed; 0 for none
 */
export function groupSubject(killEvery = 0): StateMachineConformanceSubject {
  const nodes = new WeakMap<ReplicatedStateMachine, Databases>();
  let commits = 0;
  // Before a commit or after it: then it has landed, and nobody was told.
  const pause = (): Promise<void> =>
    killEvery > 0 && ++commits % killEvery === 0 ? Promise.reject(new ProcessKilled('killed')) : Promise.resolve();
  const started = (databases: Databases): ReplicatedStateMachine => {
    const host = hostOn(databases, { pause });
    nodes.set(host, databases);
    return host;
  };
  return {
    create: () => started([new MemoryDatabase(), new MemoryDatabase()]),
    restart: (machine) => started(nodes.get(machine)!),
    isKilled: (error) => error instanceof ProcessKilled,
    command,
    refusedCommand: () => encodeCommand({ machine: 'ledger', command: 'refuse', args: ['as it must'] }),
    failingCommand: () => encodeCommand({ machine: 'archive', command: 'fail', args: ['as it does'] }),
    unknownCommand: () => encodeCommand({ machine: 'ledger', command: 'unheardOf', args: [] }),
    query: () => new Uint8Array(0),
    stateOf: contentOf,
  };
}

function command(number: number): Uint8Array {
  const key = `k${number % 7}`;
  const id = `w${number % 5}`;
  const calls: readonly (readonly [machine: string, command: string, ...args: unknown[]])[] = [
    ['ledger', 'put', key],
    ['notes', 'put', key],
    ['archive', 'put', key],
    ['ledger', 'unsendable', key],
    ['notes', 'unsendable', key],
    ['notes', 'refuse', key],
    ['archive', 'refuse', key],
    ['raft.locks', 'acquire', { key, id, ttlMs: 1500, waitMs: 900, permits: 1, maxWaiters: 3 }],
    ['raft.locks', 'release', key, id, number],
    ['raft.locks', 'expire'],
    ['raft.semaphores', 'acquire', { key, id, ttlMs: 1500, waitMs: 900, permits: 2, maxWaiters: 3 }],
    ['raft.semaphores', 'expire'],
    ['ledger', 'put', key],
    ['raft.counters', 'add', key, number],
    ['raft.sequences', 'reserve', key, 3, 1],
    ['raft.maps', 'set', 'm', key, number, number % 2 === 0 ? { ttlMs: 1200 } : {}],
    ['raft.maps', 'delete', 'm', id],
    ['raft.maps', 'expire'],
    ['archive', 'put', key],
    ['raft.queues', 'send', 'q', number, number % 3 === 0 ? 800 : 0, 20],
    ['raft.queues', 'receive', 'q', { max: 2, visibilityMs: 900, maxAttempts: 2 }],
    ['raft.queues', 'expire'],
    ['raft.barriers', 'arrive', key, { id, parties: 3, keepMs: 1500 }],
    ['raft.barriers', 'expire'],
    ['ledger', 'put', key],
    ['raft.jobs', 'announce', { term: 3, nowMs: number * 1000 }, [{ name: 'tidy', schedule: 's' }]],
    [
      'raft.jobs',
      'claim',
      {
        name: 'tidy',
        term: 3,
        nowMs: number * 1000,
        node: 'n1',
        scheduledMs: number * 1000,
        atLeastOnce: true,
        skipped: [],
      },
    ],
    ['raft.jobs', 'request', 'tidy', number * 1000],
  ];
  const [machine, name, ...args] = calls[(number * 11) % calls.length]!;
  return encodeCommand({ machine, command: name, args });
}

/** Everything that a snapshot has, but for the digest's window. */
export async function contentOf(machine: ReplicatedStateMachine): Promise<string> {
  const source = await machine.capture();
  try {
    const reader = new SnapshotReader(source.chunks());
    const { format, machines, digest: _digest, ...header } = await reader.header();
    const parts: unknown[] = [header, await hexOf(reader.clients(format))];
    for (const [position, name] of machines.entries()) parts.push([name, await hexOf(reader.machine(position))]);
    await reader.end();
    return JSON.stringify(parts);
  } finally {
    source.release();
  }
}

async function hexOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read).toString('latin1');
}
