import type { Message } from 'nestjs-raft/core';
import { replaceFunction, replaceMethod } from './library-internals';
import type { Mutant } from './mutant';

interface DriverPart {
  readonly ports: { send(message: Message): void };
}

interface RequestPart {
  readonly kind: string;
  readonly forwardedTo: string;
}

interface ForwarderPart {
  readonly underWay: Map<number, RequestPart>;
  takeBack(request: RequestPart): void;
}

interface PersisterPart {
  writing: { readonly number: number } | undefined;
  land(write: { readonly number: number }): void;
  settle(stored: number, sentAtMs: number): void;
  lastLanded: number;
}

interface WaitersPart {
  readonly byIndex: Map<number, RequestPart>;
  readonly replaced: (request: RequestPart) => void;
}

/** Commands are sent on as they are where no session can be had, which the simulator's clusters never meet. */
function withoutSessions(): void {
  replaceMethod<() => boolean>('runtime/requests/forwarding-session', 'ForwardingSession', 'prepare', () => () => true);
}

export const runtimeMutants: readonly Mutant[] = [
  {
    name: 'answer-before-persist-resolves',
    room: 'runtime',
    mistake: 'What was withheld for a batch leaves when the batch is handed to the store, not when it is durable.',
    knownSeed: 1,
    apply: () =>
      replaceMethod<(this: DriverPart, batchNumber: number, message: Message) => void>(
        'runtime/driver/kernel-driver',
        'KernelDriver',
        'sendAfter',
        () => {
          return function (_batchNumber, message) {
            this.ports.send(message);
          };
        },
      ),
  },
  {
    name: 'waiter-matched-by-index-only',
    room: 'runtime',
    mistake: 'Whoever waits for an index gets the outcome of whatever was committed there.',
    knownSeed: 6,
    apply: () => replaceMethod<() => boolean>('runtime/requests/waiters', 'Waiters', 'isItsEntry', () => () => true),
  },
  {
    name: 'batch-skipped-after-an-error',
    room: 'runtime',
    mistake: 'A batch that failed is taken for written, whatever the store says.',
    knownSeed: 1,
    apply: () =>
      replaceMethod<(this: PersisterPart, stored: number, sentAtMs: number) => void>(
        'runtime/store/persister',
        'Persister',
        'settle',
        (original) => {
          return function (stored, sentAtMs) {
            const { writing } = this;
            original.call(
              this,
              writing !== undefined && stored === this.lastLanded ? writing.number : stored,
              sentAtMs,
            );
          };
        },
      ),
  },
  {
    name: 'forwarded-command-sent-again',
    room: 'runtime',
    mistake:
      'A command without a session whose connection broke is sent to the next leader, though the one before may have taken it.',
    knownSeed: 15,
    apply: () => {
      withoutSessions();
      replaceMethod<(this: ForwarderPart, address: string) => void>(
        'runtime/requests/forwarder',
        'Forwarder',
        'connectionLost',
        () => {
          return function (address) {
            for (const request of this.underWay.values()) if (request.forwardedTo === address) this.takeBack(request);
          };
        },
      );
    },
  },
  {
    name: 'repeated-call-served-twice',
    room: 'runtime',
    mistake: 'A forwarded call without a session that the network repeats becomes a second command.',
    knownSeed: 3,
    apply: () => {
      withoutSessions();
      replaceMethod<() => boolean>('runtime/requests/request-server', 'RequestServer', 'isFirst', () => () => true);
    },
  },
  {
    name: 'read-before-applied',
    room: 'runtime',
    mistake: 'A confirmed read is answered from a state that hasn’t reached its index.',
    knownSeed: 3,
    apply: () => {
      interface ReadPart {
        readAt(index: number): void;
      }
      interface ReadsPart {
        answer(request: ReadPart): void;
      }
      replaceMethod<(this: ReadsPart, request: ReadPart, index: number) => void>(
        'runtime/replica/reads',
        'Reads',
        'awaitApplied',
        () => {
          return function (request, index) {
            request.readAt(index);
            this.answer(request);
          };
        },
      );
    },
  },
  {
    name: 'refused-when-leadership-is-lost',
    room: 'runtime',
    mistake: 'A command in the log of a deposed leader is answered as not applied, though the next one may commit it.',
    knownSeed: 6,
    apply: () => {
      interface ReplicaPart {
        readonly parts: { readonly waiters: WaitersPart };
        readonly kernel: { readonly status: { readonly role: string } };
      }
      replaceMethod<(this: ReplicaPart, ticks: number, nowMs: number) => void>(
        'runtime/replica/replica',
        'Replica',
        'tick',
        (original) => {
          return function (ticks, nowMs) {
            original.call(this, ticks, nowMs);
            if (this.kernel.status.role === 'leader') return;
            const { waiters } = this.parts;
            for (const [index, request] of waiters.byIndex) {
              waiters.byIndex.delete(index);
              waiters.replaced(request);
            }
          };
        },
      );
    },
  },
  {
    name: 'lost-session-not-noticed',
    room: 'runtime',
    mistake: 'A process that lost its store’s session goes on as if it still spoke for its replica.',
    knownSeed: 53,
    apply: () =>
      replaceMethod<() => boolean>(
        'runtime/store/store-ownership-proof',
        'StoreOwnershipProof',
        'isFresh',
        () => () => true,
      ),
  },
  {
    name: 'rolled-back-disk-admitted',
    room: 'runtime',
    mistake: 'A node whose disk was put back to an earlier state takes part: what it promised since is forgotten.',
    knownSeed: 1,
    apply: () => replaceFunction<() => string>('runtime/store/boots', 'continuationOf', () => () => 'later'),
  },
  {
    name: 'terms-without-bound',
    room: 'kernel',
    mistake:
      'Any term is believed: one damaged or forged message takes all nodes to the last term, in which nobody can be elected.',
    knownSeed: 3,
    apply: () => replaceFunction<() => undefined>('core/base/term-bound', 'termOutOfBounds', () => () => undefined),
  },
  {
    name: 'wiped-founder-admitted',
    room: 'runtime',
    mistake: 'An empty store is taken for the founder of its name: with its votes, what it acknowledged is forgotten.',
    knownSeed: 10,
    apply: () => {
      interface FoundingPart {
        readonly ports: { readonly incarnation: string; readonly options: { readonly nodeId: string } };
        write(genesis: GenesisPart, replicaId: number): void;
      }
      interface GenesisPart {
        readonly configuration: {
          readonly members: readonly { readonly id: number; readonly name: string; readonly incarnation: string }[];
        };
      }
      replaceMethod<(this: FoundingPart, genesis: GenesisPart, from: string) => void>(
        'runtime/membership/founding',
        'Founding',
        'adopt',
        () => {
          return function (genesis) {
            const { incarnation, options } = this.ports;
            const { configuration } = genesis;
            const members = configuration.members.map((member) =>
              member.name === options.nodeId ? { ...member, incarnation } : member,
            );
            const self = members.find(({ name }) => name === options.nodeId);
            if (self !== undefined) this.write({ ...genesis, configuration: { ...configuration, members } }, self.id);
          };
        },
      );
    },
  },
];
