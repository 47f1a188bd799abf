import { RaftError } from '../../errors/raft-error';
import type { GroupIdentity, StoreIdentity } from '../../storage/contract';
import { notStarted, shuttingDown } from '../base/node-errors';
import type { Founding } from '../membership/founding';
import type { Joining } from '../membership/joining';
import type { RaftNodeOptions } from '../options/raft-node-options';
import type { Replica } from '../replica/replica';
import type { RaftStatus } from '../status/status';
import { StatusPublisher } from '../status/status-publisher';
import type { BootHistory } from '../store/boot-history';

/** What one node has at present: its phase, its store, its cluster and its replica. */
export class NodeState {
  readonly publisher: StatusPublisher;
  store: StoreIdentity | undefined;
  group: GroupIdentity | undefined;
  boots: BootHistory | undefined;
  founding: Founding | Joining | undefined;
  replica: Replica | undefined;
  machineIsOpen = false;
  /** How often a message was refused for its term. */
  refusedTerms = 0;
  /** Addresses of the members as the store had them at start. */
  membersWere: readonly string[] = [];
  /** Why it takes no part any longer. */
  failure: RaftError | undefined;
  /** It was removed, and goes once the calls that it accepted before are answered. */
  removal: RaftError | undefined;

  constructor(options: RaftNodeOptions, status: () => RaftStatus) {
    this.publisher = new StatusPublisher(options.logger, status);
  }

  /** Whether it still listens to its peers. */
  get isOpen(): boolean {
    return this.failure === undefined && this.publisher.phase !== 'stopped';
  }

  get isStarting(): boolean {
    return this.publisher.phase === 'starting';
  }

  /** @throws RaftError `RAFT_SHUTTING_DOWN` it was stopped meanwhile */
  requireStarting(): void {
    if (!this.isStarting) throw shuttingDown();
  }

  /** @returns why it accepts no call; undefined where it does */
  closedBecause(): RaftError | undefined {
    if (this.failure !== undefined) return this.failure;
    if (this.removal !== undefined) return this.removal;
    const { phase } = this.publisher;
    if (phase === 'created') return notStarted();
    return phase === 'stopping' || phase === 'stopped' ? shuttingDown() : undefined;
  }
}
