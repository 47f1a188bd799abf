import type { Configuration } from '../../core/base/configuration';
import type { LogId } from '../../core/base/types';
import { memberByName } from '../../core/membership/membership';
import { RaftError } from '../../errors/raft-error';
import { isChanging, type MembershipView, membershipView } from '../status/membership-view';
import type { LocalReplica } from './local-replica';
import type { WantedMember } from './membership-calls';
import { rejected, undecidedEntry } from './membership-errors';

const POLL_MS = 20;

/**
 * Waits for the end of a change by the configuration in force on this node, so that its caller learns of the end whichever node
 * leads by then.
 */
export class ChangeWait {
  constructor(private readonly local: LocalReplica) {}

  /** Waits until the change has come to its end here, and says which end. */
  ended(entry: LogId, wanted: readonly WantedMember[], deadlineMs: number): Promise<MembershipView> {
    return this.until(deadlineMs, 'the change has not come to its end; it goes on', entry, () => {
      const replica = this.local.ports.replica();
      const closed = this.local.ports.closed();
      if (closed?.code === 'RAFT_QUARANTINED' && replica !== undefined)
        return membershipView(replica.kernel.configuration, null);
      if (closed !== undefined) throw closed;
      const inForce = this.local.running().kernel.configuration;
      if (!this.isCommitted(entry) || isChanging(inForce.configuration)) return undefined;
      const lacking = wanted.filter((member) => !isAsWanted(inForce.configuration, member));
      if (lacking.length === 0 && wanted.length === inForce.configuration.members.length)
        return membershipView(inForce, null);
      if (lacking.length === 0)
        throw rejected('CHANGE_CANCELLED', 'The change was cancelled before it came to its end.');
      throw rejected(
        'NOT_CAUGHT_UP',
        `The change was given up, or cancelled: ${lacking.map(({ name }) => `'${name}'`).join(', ')} did not catch up in time and got no vote. ` +
          'New members that were heard stay as learners; try again once they have caught up.',
      );
    });
  }

  /** Waits until the entry is committed here. */
  committed(entry: LogId, deadlineMs: number, what: string): Promise<MembershipView> {
    const find = (): MembershipView | undefined => (this.isCommitted(entry) ? this.local.members() : undefined);
    return this.until(deadlineMs, 'it has not been committed', entry, find, what);
  }

  /**
   * @param what the sentence of what hasn't happened in time
   * @param entry what is waited for, where that is an entry of the log
   * @param find looks whether it has happened
   */
  async until<T>(
    deadlineMs: number,
    what: string,
    entry: LogId | undefined,
    find: () => T | undefined,
    name = 'The change',
  ): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.local.ports.scheduler.nowMs() >= deadlineMs) {
        if (entry !== undefined && this.local.running().kernel.commitIndex < entry.index)
          throw undecidedEntry(entry, name);
        throw new RaftError('RAFT_TIMEOUT', `In time ${what}. Look at the members before you ask again.`);
      }
      await this.local.pause(POLL_MS);
    }
  }

  /** @throws RaftError `RAFT_NO_LEADER` where another entry has its place: it was lost with its leader */
  private isCommitted({ index, term }: LogId): boolean {
    const { kernel } = this.local.running();
    if (kernel.commitIndex < index) return false;
    const found = kernel.termAt(index);
    // A snapshot keeps no terms of the entries that it covers: the membership in force is what came of them.
    if (found === undefined || found === term) return true;
    throw new RaftError('RAFT_NO_LEADER', 'The change was lost with its leader, and nothing was changed. Try again.', {
      retryAfterMs: 500,
    });
  }
}

function isAsWanted(configuration: Configuration, { name, voter }: WantedMember): boolean {
  const member = memberByName(configuration, name);
  return member !== undefined && configuration.voters.includes(member.id) === voter;
}
