import { libraryFunction, replaceFunction, replaceMethod } from './library-internals';
import type { Mutant } from './mutant';

interface OutcomePart {
  readonly status: string;
  readonly firstIndex?: number | undefined;
}

interface PlacePart {
  readonly clientId: string;
  readonly sequence: number;
}

interface SessionTablePart {
  readonly sessions: Map<string, { readonly answers: Map<number, unknown> }>;
}

type Admit = (this: SessionTablePart, place: PlacePart, nowMs: number) => OutcomePart | undefined;

/** Trap 38, in its forms. */
export const sessionMutants: readonly Mutant[] = [
  {
    name: 'repetition-applied-again',
    room: 'machine',
    mistake: 'A command of a session is run again when it comes again, and answered with what came of that.',
    knownSeed: 1,
    apply: () =>
      replaceMethod<Admit>('state-machine/sessions/session-table', 'SessionTable', 'admit', (original) => {
        return function (place, nowMs) {
          const known = original.call(this, place, nowMs);
          return known?.firstIndex === undefined ? known : undefined;
        };
      }),
  },
  {
    name: 'acknowledged-command-applied-again',
    room: 'machine',
    mistake: 'A command at or below what its client acknowledged, whose answer is forgotten, is taken for a new one.',
    knownSeed: 49,
    apply: () =>
      replaceMethod<Admit>('state-machine/sessions/session-table', 'SessionTable', 'admit', (original) => {
        return function (place, nowMs) {
          const known = original.call(this, place, nowMs);
          return known?.status === 'sessionExpired' && this.sessions.has(place.clientId) ? undefined : known;
        };
      }),
  },
  {
    name: 'sessions-left-out-of-the-snapshot',
    room: 'machine',
    mistake: 'Whoever restores a snapshot knows no client, and does something else than the others at the same entry.',
    knownSeed: 2,
    apply: () => {
      interface TablesPart {
        clear(): void;
      }
      replaceMethod<(this: TablesPart, chunks: AsyncIterable<Uint8Array>) => Promise<void>>(
        'state-machine/sessions/client-tables',
        'ClientTables',
        'restore',
        (original) => {
          return async function (chunks) {
            await original.call(this, chunks);
            this.clear();
          };
        },
      );
    },
  },
  {
    name: 'session-expires-by-the-local-clock',
    room: 'machine',
    mistake:
      'Each node ends sessions by a clock of its own: one of them still knows a client that the others have forgotten.',
    knownSeed: 5,
    apply: () => {
      const aheadMs = new WeakMap<object, number>();
      let made = 0;
      replaceMethod<(this: object, nowMs: number) => void>(
        'state-machine/sessions/session-table',
        'SessionTable',
        'expire',
        (original) => {
          return function (nowMs) {
            if (!aheadMs.has(this)) aheadMs.set(this, (made++ % 5) * 400);
            original.call(this, nowMs - aheadMs.get(this)!);
          };
        },
      );
    },
  },
  {
    name: 'repetition-answered-with-its-own-index',
    room: 'machine',
    mistake: 'A repetition is answered with the first result, and with the index at which nothing was applied.',
    knownSeed: 1,
    apply: () =>
      replaceFunction<(answer: object) => OutcomePart>(
        'state-machine/sessions/stored-answer',
        'firstOutcome',
        (original) => {
          return (answer) => ({ ...original(answer), firstIndex: undefined });
        },
      ),
  },
  {
    name: 'new-number-for-each-attempt',
    room: 'runtime',
    mistake: 'A command that is sent on again gets another number in the session, so that nobody can tell the two.',
    knownSeed: 4,
    apply: () => {
      type TakeBack = (this: unknown, request: { leaveRelay(): void }) => void;
      replaceMethod<TakeBack>('runtime/requests/forwarder', 'Forwarder', 'takeBack', (original) => {
        return function (request) {
          request.leaveRelay();
          original.call(this, request);
        };
      });
    },
  },
  {
    name: 'answer-kept-when-the-slice-ends',
    room: 'machine',
    mistake:
      'What a command of a database answers is kept once the slice is applied, in a session that a later entry of it has ended: a node that gets both at once fails for good.',
    knownSeed: 14,
    apply: () => {
      type Keep = (outcome: OutcomePart) => OutcomePart;
      replaceMethod<(this: object, ...of: unknown[]) => Keep>(
        'state-machine/sessions/client-tables',
        'ClientTables',
        'reserve',
        (original) => {
          return function (...of) {
            return (outcome) => original.apply(this, of)(outcome);
          };
        },
      );
    },
  },
  {
    name: 'snapshot-ahead-of-its-index',
    room: 'machine',
    mistake:
      'A node that replays its log takes a snapshot though its database is further: where that is restored, commands are applied twice.',
    knownSeed: 35,
    apply: () => {
      Object.defineProperty(
        (
          libraryFunction<() => void>('state-machine/host/backed-machines', 'BackedMachines') as unknown as {
            prototype: object;
          }
        ).prototype,
        'lastIndex',
        { get: () => 0 },
      );
    },
  },
];
