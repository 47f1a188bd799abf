import type { KernelStatePart } from './kernel-parts';
import { libraryFunction, replaceFunction, replaceMethod } from './library-internals';
import type { Mutant } from './mutant';

interface MembershipPart {
  readonly voters: readonly number[];
  readonly outgoing: readonly number[];
}

export const membershipMutants: readonly Mutant[] = [
  {
    name: 'two-changes-in-flight',
    room: 'kernel',
    mistake: 'A change of the membership is taken in while another is in the log and not committed.',
    knownSeed: 2,
    apply: () => {
      const { prototype } = libraryFunction<() => void>('core/log/log', 'RaftLog') as unknown as { prototype: object };
      Object.defineProperty(prototype, 'hasPendingConfiguration', { get: () => false });
    },
  },
  {
    name: 'joint-decided-by-the-new-half',
    room: 'kernel',
    mistake: 'Within a joint configuration the majority of the new half suffices.',
    knownSeed: 3,
    apply: () => {
      type Decide = (electorate: MembershipPart, of: (id: number) => unknown) => unknown;
      for (const name of ['quorumValue', 'voteResult'])
        replaceFunction<Decide>('core/membership/quorum', name, (original) => (electorate, of) => {
          return original({ voters: electorate.voters, outgoing: [] }, of);
        });
    },
  },
  {
    name: 'joint-never-left',
    room: 'kernel',
    mistake: 'A leader leaves only a joint configuration that it entered itself: one whose leader died stays.',
    knownSeed: 3,
    apply: () => {
      type Advance = (state: KernelStatePart & { termStartIndex: number; configuration: { index: number } }) => void;
      replaceFunction<Advance>('core/rules/membership-change', 'advanceMembership', (original) => (state) => {
        const { configuration, index } = state.configuration as unknown as {
          configuration: MembershipPart;
          index: number;
        };
        if (configuration.outgoing.length === 0 || index >= state.termStartIndex) original(state);
      });
    },
  },
  {
    name: 'learner-campaigns',
    room: 'kernel',
    mistake: 'Whoever hears no leader campaigns, with a vote or without.',
    knownSeed: 2,
    apply: () => replaceFunction<() => boolean>('core/membership/membership', 'isVoter', () => () => true),
  },
  {
    name: 'snapshot-without-its-membership',
    room: 'kernel',
    mistake: 'A snapshot carries the oldest membership that is remembered, not the one of its index.',
    knownSeed: 2,
    apply: () => {
      interface History {
        readonly configurations: readonly unknown[];
      }
      replaceMethod<(this: History) => unknown>(
        'core/membership/configuration-history',
        'ConfigurationHistory',
        'applied',
        () => () => undefined,
      );
      replaceMethod<(this: History) => unknown>(
        'core/membership/configuration-history',
        'ConfigurationHistory',
        'at',
        () => {
          return function () {
            return this.configurations[0];
          };
        },
      );
    },
  },
  {
    name: 'transfer-to-a-replica-that-lags',
    room: 'kernel',
    mistake: 'The successor is told to campaign before it has all of the log.',
    knownSeed: 2,
    apply: () => {
      interface Transferring extends KernelStatePart {
        transfer: { readonly target: number } | undefined;
        header(to: number): object;
        sendNow(message: object): void;
      }
      replaceFunction<(state: Transferring) => void>(
        'core/rules/transfer',
        'advanceTransfer',
        (original) => (state) => {
          if (state.role !== 'leader' || state.transfer === undefined) original(state);
          else state.sendNow({ ...state.header(state.transfer.target), kind: 'timeoutNow' });
        },
      );
    },
  },
  {
    name: 'campaign-for-anyone',
    room: 'kernel',
    mistake: 'Whoever is told to campaign does so: for a leader of an earlier term, and without a vote of its own.',
    knownSeed: 3,
    apply: () => {
      interface Told extends KernelStatePart {
        replyHeader(message: object): object;
        sendAfterPersist(message: object): void;
      }
      const becomeCandidate = libraryFunction<(state: Told, isTransfer: boolean) => void>(
        'core/rules/election',
        'becomeCandidate',
      );
      replaceFunction<(state: Told, message: object) => void>(
        'core/handlers/timeout-now',
        'onTimeoutNow',
        () => (state, message) => {
          if (state.role !== 'leader') becomeCandidate(state, true);
          state.sendAfterPersist({ ...state.replyHeader(message), kind: 'timeoutNowReply', accepted: true });
        },
      );
    },
  },
  {
    name: 'replica-id-given-again',
    room: 'kernel',
    mistake: 'Whoever joins gets the id of a replica that was removed: its late answers count for the new one.',
    knownSeed: 3,
    apply: () => {
      interface Numbered extends MembershipPart {
        readonly members: readonly { readonly id: number }[];
        readonly nextReplicaId: number;
      }
      type FirstStep = (current: Numbered, change: object) => Numbered | string;
      replaceFunction<FirstStep>('core/membership/membership-steps', 'firstStep', (original) => (current, change) => {
        const greatest = Math.max(...current.members.map(({ id }) => id));
        return original({ ...current, nextReplicaId: greatest + 1 }, change);
      });
    },
  },
  {
    name: 'learner-promoted-at-once',
    room: 'kernel',
    mistake: 'A learner gets its vote before it has the log: until it has, a commit waits for it.',
    knownSeed: 2,
    apply: () => {
      replaceMethod<() => boolean>('core/progress/catch-up', 'CatchUp', 'isDone', () => () => true);
    },
  },
  {
    name: 'promoted-before-it-has-applied',
    room: 'kernel',
    mistake: 'A learner gets its vote when its log is level, whatever its state machine has applied.',
    knownSeed: 18,
    apply: () => {
      interface CatchUpPart {
        applied: number;
      }
      replaceMethod<(this: CatchUpPart) => void>('core/progress/catch-up', 'CatchUp', 'onApplied', () => {
        return function () {
          this.applied = Number.MAX_SAFE_INTEGER;
        };
      });
    },
  },
  {
    name: 'cancel-by-force',
    room: 'kernel',
    mistake: 'In a joint configuration a cancel takes effect at its leader at once, whatever the two majorities hold.',
    knownSeed: 3,
    apply: () => {
      interface InForce {
        readonly index: number;
        readonly configuration: MembershipPart;
      }
      type Cancel = (state: KernelStatePart, waitMs: number) => object;
      const returnStep = libraryFunction<(joint: MembershipPart) => MembershipPart>(
        'core/membership/membership-steps',
        'returnStep',
      );
      const enforce = libraryFunction<(state: KernelStatePart, inForce: InForce) => void>(
        'core/rules/commit',
        'enforceConfiguration',
      );
      replaceFunction<Cancel>(
        'core/rules/membership-cancel',
        'cancelMembershipChange',
        (original) => (state, waitMs) => {
          const { index, configuration } = state.configuration as unknown as InForce;
          if (state.role !== 'leader' || configuration.outgoing.length === 0) return original(state, waitMs);
          enforce(state, { index, configuration: returnStep(configuration) });
          return { outcome: 'written', index, term: state.term };
        },
      );
    },
  },
  {
    name: 'cancel-takes-an-entry-back',
    room: 'kernel',
    mistake: 'A leader that has written the last step of a change cuts it off again to cancel: others may hold it.',
    knownSeed: 3,
    apply: () => {
      interface Pending {
        readonly index: number;
        readonly configuration: MembershipPart;
      }
      type Cancel = (state: KernelStatePart, waitMs: number) => object;
      replaceFunction<Cancel>(
        'core/rules/membership-cancel',
        'cancelMembershipChange',
        (original) => (state, waitMs) => {
          const pending = (state.log as unknown as { readonly pendingConfiguration: Pending | undefined })
            .pendingConfiguration;
          if (state.role === 'leader' && pending !== undefined && pending.index > state.log.commitIndex) {
            state.log.truncateFrom(pending.index);
            state.persistence.truncated(pending.index);
          }
          return original(state, waitMs);
        },
      );
    },
  },
  {
    name: 'cancel-takes-a-vote',
    room: 'kernel',
    mistake: 'A cancel while members catch up takes the vote of who was not to vote in the end.',
    knownSeed: 16,
    apply: () => {
      interface Waiting extends MembershipPart {
        readonly target: MembershipPart | null;
        readonly learners: readonly number[];
      }
      replaceFunction<(waiting: Waiting) => Waiting>(
        'core/membership/membership-steps',
        'cancelStep',
        (original) => (waiting) => {
          const cancelled = original(waiting);
          const voters = cancelled.voters.filter((id) => waiting.target!.voters.includes(id));
          if (voters.length === 0) return cancelled;
          const learners = [...cancelled.learners, ...cancelled.voters.filter((id) => !voters.includes(id))];
          return { ...cancelled, voters, learners: learners.toSorted((left, right) => left - right) };
        },
      );
    },
  },
  {
    name: 'cancel-ahead-of-its-change',
    room: 'kernel',
    mistake:
      'A cancel is written right after a joint configuration that is not committed yet: one majority decides both.',
    knownSeed: 6,
    apply: () => {
      interface Cancelling extends KernelStatePart {
        readonly log: KernelStatePart['log'] & {
          readonly pendingConfiguration: { readonly configuration: MembershipPart } | undefined;
        };
        cancelledAt: { readonly index: number; readonly term: number } | undefined;
      }
      type Cancel = (state: Cancelling, waitMs: number) => object;
      type Propose = (state: Cancelling, step: MembershipPart) => number;
      const steps = 'core/membership/membership-steps';
      const returnStep = libraryFunction<(joint: MembershipPart) => MembershipPart>(steps, 'returnStep');
      const propose = libraryFunction<Propose>('core/rules/membership-proposal', 'proposeConfiguration');
      const file = 'core/rules/membership-cancel';
      replaceFunction<Cancel>(file, 'cancelMembershipChange', (original) => (state, waitMs) => {
        const pending = state.log.pendingConfiguration?.configuration;
        const isEntering = pending !== undefined && pending.outgoing.length > 0;
        const isEntered = state.configuration.configuration.outgoing.length > 0;
        if (state.role !== 'leader' || !isEntering || isEntered) return original(state, waitMs);
        const index = propose(state, returnStep(pending));
        state.cancelledAt = { index, term: state.term };
        return { outcome: 'written', index, term: state.term };
      });
    },
  },
];
