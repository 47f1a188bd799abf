import type { KernelStatePart } from './kernel-parts';
import { libraryFunction, replaceFunction, replaceMethod } from './library-internals';
import type { Mutant } from './mutant';

interface LeaderPart extends Omit<KernelStatePart, 'progress'> {
  leaseIsRevoked: boolean;
  readonly progress: ReadonlyMap<number, { readonly contactMs: number }>;
}

interface FreshnessPart {
  clock(nowMs: number): number;
}

type RequestRead = (state: LeaderPart, context: number, lease: boolean) => void;
type QuorumValue = (electorate: object, valueOf: (id: number) => number) => number;
type Learn = (this: FreshnessPart, leaderCommit: number, echoMs: number, quorumAgeMs: number, nowMs: number) => void;

export const timeMutants: readonly Mutant[] = [
  {
    name: 'votes-right-after-a-start',
    room: 'kernel',
    onlyWithLeases: true,
    mistake:
      'A process that started votes at once: a leader that it confirmed in its life before still answers by a lease.',
    knownSeed: 1337,
    apply: () => replaceFunction<() => boolean>('core/rules/election', 'abstains', () => () => false),
  },
  {
    name: 'lease-kept-through-a-transfer',
    room: 'kernel',
    onlyWithLeases: true,
    mistake: 'A leader that told another to campaign answers by its lease, though the voters let go of it for that.',
    knownSeed: 405,
    apply: () =>
      replaceFunction<RequestRead>('core/rules/reads', 'requestRead', (original) => (state, context, lease) => {
        const { leaseIsRevoked } = state;
        state.leaseIsRevoked = false;
        original(state, context, lease);
        state.leaseIsRevoked = leaseIsRevoked;
      }),
  },
  {
    name: 'lease-measured-from-its-answers',
    room: 'kernel',
    onlyWithLeases: true,
    mistake: 'A lease runs from when the answers of its round came, however long they were on their way.',
    knownSeed: 452,
    apply: () => {
      const quorumValue = libraryFunction<QuorumValue>('core/membership/quorum', 'quorumValue');
      replaceFunction<(state: LeaderPart) => number>('core/rules/replication', 'quorumConfirmedAtMs', () => (state) => {
        const contactMs = (id: number) => state.progress.get(id)?.contactMs ?? Number.NEGATIVE_INFINITY;
        return quorumValue(state.configuration.configuration, (id) =>
          id === state.self ? state.nowMs : contactMs(id),
        );
      });
    },
  },
  {
    name: 'state-called-fresh',
    room: 'kernel',
    mistake: 'A state is as old as the message that tells of it, whenever a quorum last confirmed who sent it.',
    knownSeed: 1,
    apply: () =>
      replaceMethod<Learn>('core/state/freshness', 'FreshnessMarks', 'learn', (original) => {
        return function (leaderCommit, _echoMs, _quorumAgeMs, nowMs) {
          original.call(this, leaderCommit, this.clock(nowMs), 0, nowMs);
        };
      }),
  },
];
