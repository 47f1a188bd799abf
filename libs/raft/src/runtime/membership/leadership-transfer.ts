import { NO_REPLICA, type ReplicaId } from '../../core/base/types';
import { memberByName } from '../../core/membership/membership';
import { RaftError } from '../../errors/raft-error';
import type { Scheduler } from '../base/scheduler';
import type { PeerLinks } from '../peers/peer-links';
import type { Replica } from '../replica/replica';
import type { ChangeWait } from './change-wait';
import type { LeaderRequests } from './leader-requests';
import type { LocalReplica } from './local-replica';
import { encodeTransfer, TRANSFER } from './membership-calls';
import { rejected, transferError } from './membership-errors';

export interface LeadershipTransferPorts {
  readonly links: PeerLinks;
  readonly scheduler: Scheduler;
  readonly electionTimeoutMs: number;
}

/** Transfers the leadership to another member, asked for on any node. */
export class LeadershipTransfer {
  constructor(
    private readonly ports: LeadershipTransferPorts,
    private readonly local: LocalReplica,
    private readonly leader: LeaderRequests,
    private readonly wait: ChangeWait,
  ) {}

  async transfer(
    name: string | undefined,
    timeoutMs = this.ports.electionTimeoutMs * 3,
  ): Promise<{ readonly leader: string }> {
    const { scheduler } = this.ports;
    const deadlineMs = scheduler.nowMs() + timeoutMs;
    const before = this.local.running().leader;
    const wanted = this.idOf(name);
    if (wanted === undefined || wanted !== before)
      await this.leader.ask(TRANSFER, encodeTransfer(name), { deadlineMs }, () =>
        this.transferLeadership(name, timeoutMs),
      );
    return this.wait.until(deadlineMs, 'no new leader was seen', undefined, () => {
      const { leader } = this.local.running();
      const isNew = wanted === undefined ? leader !== before : leader === wanted;
      const found = leader === NO_REPLICA || !isNew ? undefined : this.ports.links.routes.memberOf(leader);
      return found === undefined ? undefined : { leader: found.name };
    });
  }

  /** On the leader: transfers the leadership. @returns when it has gone */
  async transferLeadership(name: string | undefined, timeoutMs: number): Promise<void> {
    const replica = this.local.leading();
    await this.transferFrom(replica, timeoutMs, this.idOf(name), name);
  }

  /** @returns when another is about to lead, or the leadership is lost otherwise */
  async transferFrom(replica: Replica, timeoutMs: number, target?: ReplicaId, name?: string): Promise<void> {
    const { scheduler } = this.ports;
    const result = replica.driver.transferLeadership(target);
    if (result === undefined || !result.accepted) throw transferError(result, name);
    await this.wait.until(scheduler.nowMs() + timeoutMs, 'the leadership was not taken over', undefined, () => {
      if (!replica.isLeading) return true;
      if (replica.kernel.isTransferring) return undefined;
      throw new RaftError(
        'RAFT_TIMEOUT',
        'The leadership was not handed over within an election time-out; this node leads on.',
      );
    });
  }

  private idOf(name: string | undefined): ReplicaId | undefined {
    if (name === undefined) return undefined;
    const member = memberByName(this.local.configuration, name);
    if (member === undefined) throw rejected('UNKNOWN_MEMBER', `There is no member '${name}'.`);
    return member.id;
  }
}
