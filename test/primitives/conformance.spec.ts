import {
  type CommandContext,
  type QueryContext,
  RaftCommand,
  RaftQuery,
  RaftRejection,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  StateMachineHost,
} from 'nestjs-raft';
import { describeStateMachineConformance, type StateMachineConformanceSubject } from 'nestjs-raft/testing';
import { JobMachine } from '../../libs/raft/src/nest/jobs/machine/job.machine';
import { BarrierMachine } from '../../libs/raft/src/nest/primitives/barrier/barrier.machine';
import { CounterMachine } from '../../libs/raft/src/nest/primitives/counter/counter.machine';
import { LockMachine } from '../../libs/raft/src/nest/primitives/lock/lock.machine';
import { MapMachine } from '../../libs/raft/src/nest/primitives/map/map.machine';
import { QueueMachine } from '../../libs/raft/src/nest/primitives/queue/queue.machine';
import { SemaphoreMachine } from '../../libs/raft/src/nest/primitives/semaphore/semaphore.machine';
import { SequenceMachine } from '../../libs/raft/src/nest/primitives/sequence/sequence.machine';
import { encodeCommand } from '../../libs/raft/src/state-machine/entries/command-envelope';
import { encodeQuery } from '../../libs/raft/src/state-machine/entries/query-envelope';

/** Stands beside a primitive, and refuses and fails in its place: most of them do neither. */
@RaftStateMachine('beside')
class Beside {
  private readonly nothing = new SnapshotMap<string, number>();

  @RaftCommand()
  refuse(_context: CommandContext): void {
    throw new RaftRejection('NO', { why: 'asked to' });
  }

  @RaftCommand()
  fail(_context: CommandContext): void {
    (undefined as unknown as { crash(): void }).crash();
  }

  @RaftSnapshot()
  capture() {
    return this.nothing.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.nothing.restore(chunks);
  }
}

/** Of the log that the suite makes. */
const SUITE_TERM = 3;

type Constructor<T extends object> = new () => T;

/** The machine, with a query for all that it keeps, and its deadlines beside it. */
function shown<T extends object>(machine: Constructor<T>, name: string): object {
  const Base = machine as Constructor<object>;
  @RaftStateMachine(name)
  class Shown extends Base {
    @RaftQuery()
    everything(_context: QueryContext): unknown {
      const parts = this as unknown as Record<string, unknown>;
      const kept = Object.values(parts).filter((part) => part instanceof SnapshotMap);
      const { dueAt } = parts as { dueAt?: (context: unknown) => unknown };
      return [kept.map((map) => [...map]), dueAt?.call(this, undefined)];
    }
  }
  return new Shown();
}

function subject<T extends object>(
  machine: Constructor<T>,
  name: string,
  command: (number: number) => readonly [string, ...unknown[]],
): StateMachineConformanceSubject {
  return {
    create: () => new StateMachineHost([shown(machine, name), new Beside()]),
    command: (number) => {
      const [method, ...args] = command(number);
      return encodeCommand({ machine: name, command: method, args });
    },
    refusedCommand: () => encodeCommand({ machine: 'beside', command: 'refuse', args: [] }),
    failingCommand: () => encodeCommand({ machine: 'beside', command: 'fail', args: [] }),
    unknownCommand: () => encodeCommand({ machine: name, command: 'unknown', args: [] }),
    query: () => encodeQuery({ machine: name, query: 'everything', args: [] }),
  };
}

/** Some keys are contended, are given back and end; most are held to the end. */
function lease(number: number): readonly [string, ...unknown[]] {
  const key = number % 3 === 0 ? 'contended' : `key ${number}, which is long enough to fill some chunks`;
  if (number % 7 === 0) return ['expire'];
  if (number % 15 === 0) return ['leave', key, `id${number - 15}`];
  const ttlMs = number % 5 === 0 ? 2_500 : 1e9;
  return ['acquire', { key, id: `id${number}`, ttlMs, waitMs: 20_000, permits: 2, maxWaiters: 10 }];
}

describe('the machines of primitives', () => {
  describeStateMachineConformance('locks', () => subject(LockMachine, 'raft.locks', lease));
  describeStateMachineConformance('semaphores', () => subject(SemaphoreMachine, 'raft.semaphores', lease));
  describeStateMachineConformance('maps', () =>
    subject(MapMachine, 'raft.maps', (number) => {
      if (number % 11 === 0) return ['delete', 'flags', `key ${number - 1}`];
      return [
        'set',
        'flags',
        `key ${number}`,
        { number, text: 'x'.repeat(20) },
        number % 5 === 0 ? { ttlMs: 9_000 } : {},
      ];
    }),
  );
  describeStateMachineConformance('counters', () =>
    subject(CounterMachine, 'raft.counters', (number) => ['add', `counter ${number % 4_096}, of a long name`, number]),
  );
  describeStateMachineConformance('sequences', () =>
    subject(SequenceMachine, 'raft.sequences', (number) => ['reserve', `sequence ${number % 4_096}`, number, 1]),
  );
  describeStateMachineConformance('queues', () =>
    subject(QueueMachine, 'raft.queues', (number) => {
      if (number % 6 === 0) return ['receive', 'mails', { max: 2, visibilityMs: 3_000, maxAttempts: 2 }];
      return ['send', 'mails', { number, text: 'x'.repeat(20) }, number % 4 === 0 ? 5_000 : 0, 100_000];
    }),
  );
  // Some announcements are of another schedule of the same job.
  describeStateMachineConformance('leader jobs', () =>
    subject(JobMachine, 'raft.jobs', (number) => [
      'announce',
      { term: SUITE_TERM, nowMs: number },
      [
        {
          name: `job ${number % 1_500}, of a name that is long enough to fill some chunks`,
          schedule: `every ${number}`,
        },
      ],
    ]),
  );
  describeStateMachineConformance('barriers', () =>
    subject(BarrierMachine, 'raft.barriers', (number) => [
      'arrive',
      `barrier ${number % 1_500}, of a name that is long enough to fill some chunks`,
      { id: `id${number}`, parties: 3, keepMs: number % 5 === 0 ? 2_000 : 1e9 },
    ]),
  );
});
