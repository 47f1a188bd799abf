import type { Configuration } from '../../core/base/configuration';
import { RaftError } from '../../errors/raft-error';
import type { Scheduler } from '../base/scheduler';
import type { Replica } from '../replica/replica';
import { type MembershipView, membershipView } from '../status/membership-view';
import { pendingChangeOf } from '../status/pending-change';

export interface LocalReplicaPorts {
  readonly scheduler: Scheduler;
  readonly electionTimeoutMs: number;
  replica(): Replica | undefined;
  /** Why this node accepts no request; undefined where it does. */
  closed(): RaftError | undefined;
}

/** The replica of this node, as far as a change of the membership or of the leadership needs it. */
export class LocalReplica {
  constructor(readonly ports: LocalReplicaPorts) {}

  /** @throws RaftError why it takes part in no change: it isn't there yet, or it was closed */
  running(): Replica {
    const closed = this.ports.closed();
    if (closed !== undefined) throw closed;
    const replica = this.ports.replica();
    if (replica === undefined)
      throw new RaftError('RAFT_NO_LEADER', 'This node isn’t a member of a running cluster yet.', {
        retryAfterMs: 1000,
      });
    return replica;
  }

  /** @throws RaftError `RAFT_NOT_LEADER`, or as {@link running} */
  leading(): Replica {
    const replica = this.running();
    if (replica.isLeading) return replica;
    throw new RaftError('RAFT_NOT_LEADER', 'This node does not lead, and nothing was changed.');
  }

  get configuration(): Configuration {
    return this.running().kernel.configuration.configuration;
  }

  members(): MembershipView {
    const { kernel } = this.running();
    return membershipView(kernel.configuration, pendingChangeOf(kernel, this.ports.electionTimeoutMs));
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.ports.scheduler.setTimer(ms, resolve));
  }
}
