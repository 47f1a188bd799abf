import type { Entry, Message, PersistBatch } from 'nestjs-raft/core';
import type { KernelStatePart, LogPart, PersistencePart } from './kernel-parts';
import { replaceFunction, replaceMethod } from './library-internals';
import type { Mutant } from './mutant';

type AppendEntries = Extract<Message, { kind: 'appendEntries' }>;
type AppendHandler = (state: KernelStatePart, message: AppendEntries) => void;
type SendAfterPersist = (this: KernelStatePart, message: Message, upTo?: number) => void;

function cutFrom(state: KernelStatePart, index: number): void {
  if (index > state.log.lastIndex || index <= state.log.commitIndex) return;
  state.log.truncateFrom(index);
  state.persistence.truncated(index);
}

function meets({ log, term }: KernelStatePart, { prev, term: messageTerm }: AppendEntries): boolean {
  return messageTerm >= term && log.terms.termAt(prev.index) === prev.term;
}

function wrapAppend(make: (original: AppendHandler) => AppendHandler): void {
  replaceFunction<AppendHandler>('core/handlers/append-entries', 'onAppendEntries', make);
}

export const logMutants: readonly Mutant[] = [
  {
    name: 'truncation-on-every-append',
    room: 'kernel',
    mistake: 'A late or repeated append cuts off the entries behind it, which were acknowledged.',
    knownSeed: 1,
    apply: () =>
      wrapAppend((original) => (state, message) => {
        if (meets(state, message)) cutFrom(state, message.prev.index + 1);
        original(state, message);
      }),
  },
  {
    name: 'rejection-cuts-the-tail',
    room: 'kernel',
    mistake:
      'A follower that rejects an append drops all that it doesn’t know to be committed, though a quorum may rest on it.',
    knownSeed: 1,
    apply: () =>
      wrapAppend((original) => (state, message) => {
        if (message.term >= state.term && !meets(state, message)) cutFrom(state, state.log.commitIndex + 1);
        original(state, message);
      }),
  },
  {
    name: 'conflict-not-cut',
    room: 'kernel',
    mistake: 'Entries of another term stay, and the leader’s are taken for present.',
    knownSeed: 1,
    apply: () =>
      wrapAppend((original) => (state, message) => {
        const known = message.entries.filter((entry) => entry.index <= state.log.lastIndex);
        const conflict = known.some((entry) => state.log.terms.termAt(entry.index) !== entry.term);
        original(state, conflict ? { ...message, entries: [], leaderCommit: 0 } : message);
      }),
  },
  {
    name: 'append-answer-before-persist',
    room: 'kernel',
    mistake: 'A follower acknowledges entries that are not durable yet.',
    knownSeed: 1,
    apply: () =>
      replaceMethod<SendAfterPersist>('core/state/state', 'KernelState', 'sendAfterPersist', (original) => {
        return function (message, upTo) {
          if (message.kind === 'appendEntriesReply') this.outbox.sendNow.push(message);
          else original.call(this, message, upTo);
        };
      }),
  },
  {
    name: 'no-noop-on-election',
    room: 'kernel',
    mistake: 'A new leader opens its term with nothing: what older terms left is never committed.',
    knownSeed: 1,
    apply: () =>
      replaceMethod<(this: LogPart, entry: Entry) => void>('core/log/log', 'RaftLog', 'append', (original) => {
        return function (entry) {
          const own = new Error('where from').stack?.includes('becomeLeader') ?? false;
          if (entry.kind !== 'noop' || !own) original.call(this, entry);
        };
      }),
  },
  {
    name: 'probe-with-every-heartbeat',
    room: 'kernel',
    mistake:
      'Each heartbeat’s answer sends a new probe: where the round trip is longer, every rejection is a late one.',
    knownSeed: 33,
    apply: () => {
      type OnReply = (state: KernelStatePart, message: Message) => void;
      replaceFunction<OnReply>('core/handlers/heartbeat-reply', 'onHeartbeatReply', (original) => (state, message) => {
        const progress = state.progress.get(message.from);
        if (progress?.state === 'probe') progress.probeSequence = 0;
        original(state, message);
      });
    },
  },
  {
    name: 'entries-before-their-term',
    room: 'kernel',
    mistake: 'Entries are written first and the term that made them with the next batch: a crash in between keeps one.',
    knownSeed: 1,
    apply: () => {
      type Taken = { readonly batch: PersistBatch; readonly withheld: readonly unknown[] } | undefined;
      replaceMethod<(this: PersistencePart, ...rest: unknown[]) => Taken>(
        'core/state/persist-pipeline',
        'PersistPipeline',
        'takeBatch',
        (original) => {
          return function (...rest) {
            const taken = original.apply(this, rest);
            if (taken?.batch.hardState === undefined || taken.batch.entries.length === 0) return taken;
            this.markHardState();
            const { hardState: _later, ...batch } = taken.batch;
            return { ...taken, batch };
          };
        },
      );
    },
  },
  {
    name: 'late-write-proves-what-replaced-it',
    room: 'kernel',
    mistake: 'A write that lands after its entries were cut counts for those that came in their place.',
    knownSeed: 1,
    apply: () => {
      interface UnderWay {
        underWay: { coversTo: number } | undefined;
      }
      replaceMethod<(this: UnderWay, from: number) => void>(
        'core/state/persist-pipeline',
        'PersistPipeline',
        'truncated',
        (original) => {
          return function (from) {
            const coversTo = this.underWay?.coversTo;
            original.call(this, from);
            if (this.underWay !== undefined) this.underWay.coversTo = coversTo!;
          };
        },
      );
    },
  },
];
