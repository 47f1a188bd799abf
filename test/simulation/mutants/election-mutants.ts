import type { LogId, Message } from 'nestjs-raft/core';
import type { Electorate, KernelStatePart, LogPart, PersistencePart } from './kernel-parts';
import { replaceFunction, replaceMethod } from './library-internals';
import type { Mutant } from './mutant';

type Handler = (state: KernelStatePart, message: Message) => void;
type SendAfterPersist = (this: KernelStatePart, message: Message, upTo?: number) => void;

/** Lets messages of these kinds leave at once, whatever is durable. */
function sendsAtOnce(kinds: readonly Message['kind'][]): void {
  replaceMethod<SendAfterPersist>('core/state/state', 'KernelState', 'sendAfterPersist', (original) => {
    return function (message, upTo) {
      if (kinds.includes(message.kind)) this.outbox.sendNow.push(message);
      else original.call(this, message, upTo);
    };
  });
}

export const electionMutants: readonly Mutant[] = [
  {
    name: 'vote-not-persisted',
    room: 'kernel',
    mistake: 'A vote is given without being written: after a crash it is given a second time in the same term.',
    knownSeed: 6,
    apply: () =>
      replaceFunction<Handler>('core/handlers/request-vote', 'onRequestVote', (original) => (state, message) => {
        const { persistence, term } = state;
        // The term alone is written, as it rises before the vote is given.
        const prototype = Object.getPrototypeOf(persistence) as PersistencePart;
        const mark = () => prototype.markHardState.call(persistence);
        persistence.markHardState = () => {
          if (state.votedFor === 0 && state.term > term) mark();
        };
        try {
          original(state, message);
        } finally {
          Reflect.deleteProperty(persistence, 'markHardState');
        }
      }),
  },
  {
    name: 'vote-request-before-persist',
    room: 'kernel',
    mistake:
      'A candidate asks for votes before its term and its vote for itself are durable: it can lead one term twice.',
    knownSeed: 1,
    apply: () => sendsAtOnce(['requestVote']),
  },
  {
    name: 'vote-answer-before-persist',
    room: 'kernel',
    mistake: 'A vote leaves before it is durable.',
    knownSeed: 1,
    apply: () => sendsAtOnce(['requestVoteReply']),
  },
  {
    name: 'two-votes-in-a-term',
    room: 'kernel',
    mistake: 'A voter grants whoever asks, whomever it has voted for.',
    knownSeed: 2,
    apply: () =>
      replaceFunction<Handler>('core/handlers/request-vote', 'onRequestVote', (original) => (state, message) => {
        if (message.term === state.term && state.role === 'follower') {
          state.votedFor = 0;
          state.leader = 0;
        }
        original(state, message);
      }),
  },
  {
    name: 'last-log-by-index-only',
    room: 'kernel',
    mistake:
      'The longer log wins, whatever its last term: a stale leader with a long tail overwrites what was committed.',
    knownSeed: 130,
    apply: () =>
      replaceMethod<(this: LogPart, candidate: LogId) => boolean>('core/log/log', 'RaftLog', 'isUpToDate', () => {
        return function (candidate) {
          return candidate.index >= this.lastIndex;
        };
      }),
  },
  {
    name: 'log-not-compared',
    room: 'kernel',
    mistake: 'A vote is given whatever the candidate’s log holds.',
    knownSeed: 12,
    apply: () => replaceMethod<() => boolean>('core/log/log', 'RaftLog', 'isUpToDate', () => () => true),
  },
  {
    name: 'quorum-off-by-one',
    room: 'kernel',
    mistake: 'Half of the voters count as a majority: of three one, of five two.',
    knownSeed: 1,
    apply: () => {
      replaceFunction(
        'core/membership/quorum',
        'quorumValue',
        () => (electorate: Electorate, valueOf: (id: number) => number) => {
          const values = electorate.voters.map(valueOf).sort((left, right) => right - left);
          return values[Math.max(0, Math.floor(values.length / 2) - 1)]!;
        },
      );
      replaceFunction(
        'core/membership/quorum',
        'voteResult',
        () => (electorate: Electorate, voteOf: (id: number) => boolean | undefined) => {
          const votes = electorate.voters.map(voteOf);
          const needed = Math.max(1, Math.floor(votes.length / 2));
          if (votes.filter((vote) => vote === true).length >= needed) return 'won';
          return votes.filter((vote) => vote === false).length > votes.length - needed ? 'lost' : 'pending';
        },
      );
    },
  },
  {
    name: 'stickiness-ignored',
    room: 'kernel',
    onlyWithLeases: true,
    mistake: 'Voters help to depose a leader that they hear: its lease still answers reads while another leads.',
    knownSeed: 6,
    apply: () => replaceFunction<() => boolean>('core/rules/election', 'isSticky', () => () => false),
  },
  {
    name: 'short-wait-again-and-again',
    room: 'kernel',
    mistake:
      'Who lost sight of its leader never waits longer for votes: over a long way there is never another leader.',
    knownSeed: 382,
    apply: () =>
      replaceFunction<(state: KernelStatePart) => void>('core/rules/election', 'campaign', (original) => (state) => {
        const isAgain = state.role === 'preCandidate' || state.role === 'candidate';
        state.campaignsInVain = isAgain ? -1 : 0;
        original(state);
      }),
  },
];
