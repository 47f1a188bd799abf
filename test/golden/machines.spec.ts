import { JobMachine } from '../../libs/raft/src/nest/jobs/machine/job.machine';
import { BarrierMachine } from '../../libs/raft/src/nest/primitives/barrier/barrier.machine';
import { CounterMachine } from '../../libs/raft/src/nest/primitives/counter/counter.machine';
import { LockMachine } from '../../libs/raft/src/nest/primitives/lock/lock.machine';
import { MapMachine } from '../../libs/raft/src/nest/primitives/map/map.machine';
import { QueueMachine } from '../../libs/raft/src/nest/primitives/queue/queue.machine';
import { SemaphoreMachine } from '../../libs/raft/src/nest/primitives/semaphore/semaphore.machine';
import { SequenceMachine } from '../../libs/raft/src/nest/primitives/sequence/sequence.machine';
import { GoldenFile } from './golden-file';
import { type GoldenCommand, GoldenMachine, type GoldenQuery } from './golden-machine';

const TOKEN = { owner: 'n1', tags: ['a', 'b'], size: 3 };
const BEGIN_MS = 1_700_000_000_000;

/** The log of one machine, and what it answers after a restore. */
function holds<M extends object>(
  name: string,
  make: () => M,
  commands: readonly GoldenCommand<M>[],
  asked: readonly (readonly [GoldenQuery<M>, unknown])[],
): void {
  describe(`The machine '${name}'`, () => {
    const file = new GoldenFile(
      `machine-${name.replace('raft.', '')}.hex`,
      `The machine '${name}': commands as they stand in the log, their answers, their events, and the snapshot after them.`,
    );
    const machine = new GoldenMachine(file, name, make);

    it('writes what earlier builds wrote', () => machine.expectWrites(commands));

    it('replays what earlier builds wrote', () => machine.expectReplays(commands.map(([label]) => label)));

    it('reads a snapshot of an earlier build', async () => {
      const queries = asked.map(([query]) => query);
      const answers = await machine.restored(commands.length, queries);
      expect(answers).toEqual(Object.fromEntries(asked.map(([[label], answer]) => [label, answer])));
    });

    it('leaves no golden part unread', () => expect(file.unheld).toEqual([]));
  });
}

holds<MapMachine>(
  'raft.maps',
  () => new MapMachine(),
  [
    ['set', 0, 'set', 'users', 'u1', TOKEN],
    ['set for a time', 1, 'set', 'users', 'u2', null, { ttlMs: 60_000 }],
    ['set if the version is', 2, 'set', 'users', 'u1', { ...TOKEN, size: 4 }, { ifVersion: 1 }],
    ['set another', 3, 'set', 'users', 'u3', 'x', { ttlMs: 1000, ifVersion: 0 }],
    ['delete', 4, 'delete', 'users', 'u3', { ifVersion: 4 }],
    ['delete what is not there', 5, 'delete', 'users', 'u3'],
    ['refused: another version', 6, 'set', 'users', 'u1', 1, { ifVersion: 2 }],
  ],
  [
    [['get', 0, 'get', 'users', 'u2'], { value: null, version: 2, expiresAt: BEGIN_MS + 60_001 }],
    [
      ['scan', 0, 'scan', 'users', 'u', null, 1],
      { entries: [{ key: 'u1', value: { ...TOKEN, size: 4 }, version: 3, expiresAt: 0 }], next: 'u1' },
    ],
    [
      ['history', 0, 'changesFrom', 'users', '', 4],
      {
        changes: [
          { type: 'set', key: 'u3', value: 'x', index: 4 },
          { type: 'delete', key: 'u3', index: 5 },
        ],
        through: 7,
        isAll: true,
        forgottenThrough: 0,
      },
    ],
  ],
);

const LOCK = { key: 'orders', ttlMs: 30_000, permits: 1, maxWaiters: 10 };

holds<LockMachine>(
  'raft.locks',
  () => new LockMachine(),
  [
    ['acquire', 0, 'acquire', { ...LOCK, id: 'a', waitMs: 0 }],
    ['wait', 1, 'acquire', { ...LOCK, id: 'b', waitMs: 20_000 }],
    ['not at once', 2, 'acquire', { ...LOCK, id: 'c', waitMs: 0 }],
    ['renew', 3, 'renew', 'orders', 'a', 1],
    ['acquire another', 4, 'acquire', { ...LOCK, key: 'bills', id: 'd', waitMs: 0 }],
    ['wait for another', 5, 'acquire', { ...LOCK, key: 'bills', id: 'e', waitMs: 20_000 }],
    ['release', 6, 'release', 'bills', 'd', 5],
    ['too many wait', 7, 'acquire', { ...LOCK, id: 'f', waitMs: 20_000, maxWaiters: 1 }],
    ['leave', 8, 'leave', 'orders', 'c'],
  ],
  [
    [['held', 0, 'status', 'orders'], { holders: [{ token: 1, expiresAt: BEGIN_MS + 30_003 }], waiting: 1 }],
    [['handed over', 0, 'status', 'bills'], { holders: [{ token: 7, expiresAt: BEGIN_MS + 30_006 }], waiting: 0 }],
  ],
);

holds<SemaphoreMachine>(
  'raft.semaphores',
  () => new SemaphoreMachine(),
  [
    ['acquire', 0, 'acquire', { ...LOCK, permits: 2, id: 'a', waitMs: 0 }],
    ['acquire the other', 1, 'acquire', { ...LOCK, permits: 2, id: 'b', waitMs: 0 }],
    ['wait', 2, 'acquire', { ...LOCK, permits: 2, id: 'c', waitMs: 20_000 }],
  ],
  [
    [
      ['held', 0, 'status', 'orders'],
      {
        holders: [
          { token: 1, expiresAt: BEGIN_MS + 30_000 },
          { token: 2, expiresAt: BEGIN_MS + 30_001 },
        ],
        waiting: 1,
      },
    ],
  ],
);

holds<BarrierMachine>(
  'raft.barriers',
  () => new BarrierMachine(),
  [
    ['arrive', 0, 'arrive', 'start', { id: 'a', parties: 2, keepMs: 10_000 }],
    ['open', 1, 'arrive', 'start', { id: 'b', parties: 2, keepMs: 10_000 }],
    ['arrive again', 2, 'arrive', 'start', { id: 'c', parties: 2, keepMs: 10_000 }],
    ['leave too late', 3, 'leave', 'start', 'a'],
    ['leave another', 4, 'leave', 'end', 'z'],
  ],
  [
    [['one waits', 0, 'status', 'start'], { generation: 1, arrived: 1 }],
    [['nobody waits', 0, 'status', 'end'], { generation: 0, arrived: 0 }],
  ],
);

holds<CounterMachine>(
  'raft.counters',
  () => new CounterMachine(),
  [
    ['add', 0, 'add', 'visits', 5],
    ['set', 1, 'set', 'visits', 40, 5],
    ['set another', 2, 'set', 'balance', -7],
    ['refused: another value', 3, 'set', 'visits', 1, 5],
    ['refused: too large', 4, 'add', 'visits', Number.MAX_SAFE_INTEGER],
  ],
  [
    [['visits', 0, 'get', 'visits'], 40],
    [['balance', 0, 'get', 'balance'], -7],
  ],
);

holds<SequenceMachine>(
  'raft.sequences',
  () => new SequenceMachine(),
  [
    ['reserve', 0, 'reserve', 'invoices', 10, 1000],
    ['reserve more', 1, 'reserve', 'invoices', 2, 1],
    ['refused: none left', 2, 'reserve', 'invoices', Number.MAX_SAFE_INTEGER, 1],
  ],
  [[['the next', 0, 'peek', 'invoices'], 1012]],
);

const ASK = { max: 1, visibilityMs: 30_000, maxAttempts: 1 };

holds<QueueMachine>(
  'raft.queues',
  () => new QueueMachine(),
  [
    ['send', 0, 'send', 'mail', TOKEN, 0, 100],
    ['send later', 1, 'send', 'mail', 'later', 5000, 100],
    ['send another', 2, 'send', 'mail', 'dead', 0, 100],
    ['receive', 3, 'receive', 'mail', ASK],
    ['ack', 4, 'ack', 'mail', 1, 4],
    ['receive another', 5, 'receive', 'mail', ASK],
    ['nack', 6, 'nack', 'mail', 3, 6, 0],
    ['send a third', 7, 'send', 'mail', 'third', 0, 100],
    ['receive the third', 8, 'receive', 'mail', { ...ASK, maxAttempts: 5 }],
    ['extend', 9, 'extend', 'mail', 8, 9, 60_000],
    ['send the last', 10, 'send', 'mail', 'last', 0, 100],
    ['refused: full', 11, 'send', 'mail', 'too many', 0, 4],
  ],
  [
    [['status', 0, 'status', 'mail'], { ready: 1, inFlight: 1, delayed: 1, dead: 1 }],
    [['dead', 0, 'deadLetters', 'mail', 0, 10], { messages: [{ id: 3, body: 'dead', attempts: 1 }], next: null }],
  ],
);

const LEADER = { term: 3, nowMs: BEGIN_MS };
const NIGHTLY = { name: 'nightly', schedule: 'cron 0 30 3 * * * (UTC)' };
const SKIPPED = { reason: 'missed', firstMs: BEGIN_MS + 100, lastMs: BEGIN_MS + 200, count: 2 } as const;
const RUN = { node: 'n1', scheduledMs: BEGIN_MS + 300, atLeastOnce: true };

holds<JobMachine>(
  'raft.jobs',
  () => new JobMachine(),
  [
    ['announce', 0, 'announce', LEADER, [NIGHTLY, { name: 'hourly', schedule: 'every 3600000 ms' }]],
    ['claim', 1, 'claim', { name: 'nightly', ...LEADER, ...RUN, skipped: [SKIPPED] }],
    ['finish', 2, 'finish', 'nightly', 2, { outcome: 'failed', durationMs: 12, error: 'the disk is full' }],
    ['request', 3, 'request', 'nightly', BEGIN_MS + 400],
    [
      'claim what was asked for',
      4,
      'claim',
      { name: 'nightly', ...LEADER, ...RUN, scheduledMs: BEGIN_MS + 400, skipped: [] },
    ],
    ['not of an earlier term', 5, 'takeOver', { name: 'nightly', ...LEADER, token: 5 }],
    ['skip', 6, 'skip', { name: 'hourly', ...LEADER, skipped: [{ ...SKIPPED, reason: 'late' }] }],
    ['pause', 7, 'pause', 'hourly'],
    ['request again', 8, 'request', 'hourly', BEGIN_MS + 500],
    ['pause the other', 9, 'pause', 'nightly'],
    ['resume', 10, 'resume', 'nightly', BEGIN_MS + 600],
    ['refused: no such job', 11, 'pause', 'weekly'],
    ['refused: of another term', 12, 'skip', { name: 'hourly', ...LEADER, term: 2, skipped: [] }],
  ],
  [
    [
      ['state', 0, 'stateOf', 'nightly'],
      {
        ...NIGHTLY,
        decidedMs: BEGIN_MS + 600,
        paused: false,
        running: {
          scheduledMs: BEGIN_MS + 400,
          attempt: 1,
          trigger: 'manual',
          token: 5,
          node: 'n1',
          term: 3,
          atLeastOnce: true,
        },
        waiting: [],
      },
    ],
    [
      ['history', 0, 'history', 'nightly', 2],
      [
        {
          scheduledMs: BEGIN_MS + 400,
          trigger: 'manual',
          attempt: 1,
          outcome: 'running',
          token: 5,
          node: 'n1',
          atMs: BEGIN_MS,
          durationMs: null,
          error: null,
          reason: null,
          count: 1,
        },
        {
          scheduledMs: BEGIN_MS + 300,
          trigger: 'schedule',
          attempt: 1,
          outcome: 'failed',
          token: 2,
          node: 'n1',
          atMs: BEGIN_MS,
          durationMs: 12,
          error: 'the disk is full',
          reason: null,
          count: 1,
        },
      ],
    ],
    [
      ['all', 0, 'history', 'hourly', 1],
      [
        {
          scheduledMs: BEGIN_MS + 100,
          trigger: 'schedule',
          attempt: 1,
          outcome: 'skipped',
          token: null,
          node: null,
          atMs: BEGIN_MS,
          durationMs: null,
          error: null,
          reason: 'late',
          count: 2,
        },
      ],
    ],
  ],
);
