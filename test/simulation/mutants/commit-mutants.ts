import type { Message, PersistBatch } from 'nestjs-raft/core';
import type { Electorate, KernelStatePart } from './kernel-parts';
import { libraryFunction, replaceFunction, replaceMethod } from './library-internals';
import type { Mutant } from './mutant';

type QuorumValue = (electorate: Electorate, valueOf: (id: number) => number) => number;
type Heartbeat = Extract<Message, { kind: 'heartbeat' }>;
type CommitTo = (state: KernelStatePart, index: number) => void;

/** Commits what `valueOf` says that a quorum has reached. */
function commitsBy(valueOf: (state: KernelStatePart, id: number) => number, ownTermOnly: boolean): void {
  const quorumValue = libraryFunction<QuorumValue>('core/membership/quorum', 'quorumValue');
  const commitTo = libraryFunction<CommitTo>('core/rules/commit', 'commitTo');
  replaceFunction<(state: KernelStatePart) => void>('core/rules/commit', 'advanceCommit', () => (state) => {
    if (state.role !== 'leader') return;
    const index = quorumValue(state.configuration.configuration, (id) => valueOf(state, id));
    if (index <= state.log.commitIndex) return;
    if (!ownTermOnly || state.log.terms.termAt(index) === state.term) commitTo(state, index);
  });
}

function sendPlainCommit(): void {
  type SendNow = (this: KernelStatePart, message: Message) => void;
  replaceMethod<SendNow>('core/state/state', 'KernelState', 'sendNow', (original) => {
    return function (message) {
      original.call(this, message.kind === 'heartbeat' ? { ...message, commit: this.log.commitIndex } : message);
    };
  });
}

const matchOf = (state: KernelStatePart, id: number): number => state.progress.get(id)?.matchIndex ?? 0;

export const commitMutants: readonly Mutant[] = [
  {
    name: 'old-term-commit',
    room: 'kernel',
    mistake: 'Entries of older terms are committed by counting replicas (thesis, figure 3.7).',
    knownSeed: 13,
    apply: () =>
      commitsBy((state, id) => (id === state.self ? state.persistence.durableIndex : matchOf(state, id)), false),
  },
  {
    name: 'leader-counts-its-memory',
    room: 'kernel',
    mistake: 'A leader counts its own entries before they are durable.',
    knownSeed: 1,
    apply: () => commitsBy((state, id) => (id === state.self ? state.log.lastIndex : matchOf(state, id)), true),
  },
  {
    name: 'commit-left-out-of-the-batch',
    room: 'kernel',
    mistake: 'Entries are written without the commit index that came with them.',
    knownSeed: 1,
    apply: () => {
      type Taken = { readonly batch: PersistBatch; readonly withheld: readonly unknown[] } | undefined;
      type TakeBatch = (this: { lastCommit?: number }, log: { commitIndex: number }, ...rest: unknown[]) => Taken;
      replaceMethod<TakeBatch>('core/state/persist-pipeline', 'PersistPipeline', 'takeBatch', (original) => {
        return function (log, ...rest) {
          const taken = original.call(this, log, ...rest);
          if (taken === undefined || taken.batch.entries.length === 0) return taken;
          const commitIndex = this.lastCommit ?? 0;
          this.lastCommit = Math.max(commitIndex, taken.batch.commitIndex);
          return { ...taken, batch: { ...taken.batch, commitIndex } };
        };
      });
    },
  },
  {
    name: 'heartbeat-commit-not-capped',
    room: 'kernel',
    mistake: 'A heartbeat carries the plain commit index, which the follower may not have reached.',
    knownSeed: 1,
    apply: sendPlainCommit,
  },
  {
    name: 'follower-commits-its-tail',
    room: 'kernel',
    mistake: 'commit = min(the leader’s, own last index): the tail behind what was compared may be of an older term.',
    knownSeed: 3,
    apply: () => {
      sendPlainCommit();
      type OnHeartbeat = (state: KernelStatePart, message: Heartbeat) => void;
      replaceFunction<OnHeartbeat>('core/handlers/heartbeat', 'onHeartbeat', (original) => (state, message) => {
        original(state, { ...message, commit: Math.min(message.commit, state.log.lastIndex) });
      });
    },
  },
  {
    name: 'apply-before-durable',
    room: 'kernel',
    mistake: 'Committed entries are applied before they are durable here.',
    knownSeed: 1,
    apply: () => {
      type Take = (this: object, log: { lastIndex: number }, durableIndex: number, request: unknown) => unknown;
      replaceMethod<Take>('core/state/apply-queue', 'ApplyQueue', 'take', (original) => {
        return function (log, _durableIndex, request) {
          return original.call(this, log, log.lastIndex, request);
        };
      });
    },
  },
];
