import type { LogId } from 'nestjs-raft/core';
import type { KernelStatePart } from './kernel-parts';
import { replaceFunction, replaceMethod } from './library-internals';
import type { Mutant } from './mutant';

interface InstallingState extends KernelStatePart {
  installing: LogId | undefined;
}

type BeginInstall = (state: InstallingState, snapshot: { readonly last: LogId }) => boolean;

export const snapshotMutants: readonly Mutant[] = [
  {
    name: 'snapshot-of-a-moving-state',
    room: 'machine',
    mistake: 'What commands change while a snapshot is written is in it as it is by then, not as it was at its index.',
    knownSeed: 32,
    apply: () => {
      replaceMethod<() => void>(
        'state-machine/snapshot/map-capture',
        'MapCapture',
        'beforeChange',
        () => () => undefined,
      );
      replaceMethod<() => void>(
        'state-machine/snapshot/map-capture',
        'MapCapture',
        'beforeDelete',
        () => () => undefined,
      );
    },
  },
  {
    name: 'older-snapshot-installed',
    room: 'kernel',
    mistake: 'A snapshot that came late takes the state back to its index.',
    knownSeed: 100,
    apply: () =>
      replaceFunction<BeginInstall>('core/rules/snapshotting', 'beginInstall', (original) => (state, snapshot) => {
        const isOlder = state.installing === undefined && snapshot.last.index <= state.log.commitIndex;
        if (!isOlder || state.role === 'leader') return original(state, snapshot);
        state.installing = snapshot.last;
        return true;
      }),
  },
  {
    name: 'cut-not-told',
    room: 'kernel',
    mistake:
      'The kernel doesn’t hear that the log’s head was cut: it asks for entries that are gone, and sends no snapshot.',
    knownSeed: 43,
    apply: () => replaceFunction<() => void>('core/rules/snapshotting', 'compactTo', () => () => undefined),
  },
];
