import type { KernelStatePart } from './kernel-parts';
import { replaceFunction, replaceMethod } from './library-internals';
import type { Mutant } from './mutant';

interface ReadIndexPart {
  readonly sentRound: number;
  readonly waiting: { context: number; index: number; round: number }[];
}

type ReadsPart = object;

type RequestRead = (state: KernelStatePart, context: number, lease: boolean) => void;

export const readMutants: readonly Mutant[] = [
  {
    name: 'read-without-a-round',
    room: 'kernel',
    mistake: 'A leader answers reads because it believes that it leads.',
    knownSeed: 17,
    apply: () =>
      replaceFunction<RequestRead>('core/rules/reads', 'requestRead', (original) => (state, context, lease) => {
        if (state.role !== 'leader' || !state.committedInTerm) original(state, context, lease);
        else state.outbox.reads.push({ context, index: state.log.commitIndex });
      }),
  },
  {
    name: 'read-confirmed-by-an-older-round',
    room: 'kernel',
    mistake: 'A read is confirmed by answers to a round that was sent before it came.',
    knownSeed: 12,
    apply: () =>
      replaceMethod<(this: ReadIndexPart, context: number, index: number) => void>(
        'core/state/read-index',
        'ReadIndex',
        'add',
        () => {
          return function (context, index) {
            this.waiting.push({ context, index, round: this.sentRound });
          };
        },
      ),
  },
  {
    name: 'read-before-the-first-commit',
    room: 'kernel',
    mistake: 'A new leader answers reads before it knows what the terms before it committed.',
    knownSeed: 1,
    apply: () =>
      replaceFunction<RequestRead>('core/rules/reads', 'requestRead', (original) => (state, context, lease) => {
        if (state.role === 'leader' && !state.committedInTerm) state.readIndex.add(context, state.log.commitIndex);
        else original(state, context, lease);
      }),
  },
  {
    name: 'read-before-it-is-applied',
    room: 'runtime',
    mistake: 'A node answers a read from what it has applied by then, whatever index the leader confirmed.',
    knownSeed: 3,
    apply: () =>
      replaceMethod<(this: ReadsPart, request: object, index: number) => void>(
        'runtime/replica/reads',
        'Reads',
        'awaitApplied',
        (original) => {
          return function (request) {
            original.call(this, request, 0);
          };
        },
      ),
  },
];
