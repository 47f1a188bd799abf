import type { TargetMember } from '../../core/base/kernel-api';
import type { LogId } from '../../core/base/types';
import { memberByName } from '../../core/membership/membership';
import { RaftError } from '../../errors/raft-error';
import type { LocalReplica } from './local-replica';
import type { AddressRequest, ChangeRequest } from './membership-calls';
import { cancelError, changeError, rejected, undecidedEntry } from './membership-errors';
import type { NewMembers } from './new-members';

const POLL_MS = 20;
/** A cancel that waits is asked for again and again; a caller that doesn't ask any longer doesn't wish it any longer. */
const WISH_MS = 200;

/** Changes of the membership as the leader makes them. On another node each is refused as `RAFT_NOT_LEADER`. */
export class LeaderChanges {
  constructor(
    private readonly local: LocalReplica,
    private readonly newMembers: NewMembers,
  ) {}

  /** Finds out who the members are, and proposes them. @param gone why nobody waits for it any longer */
  async change(change: ChangeRequest, gone: () => RaftError | undefined): Promise<LogId> {
    this.local.leading();
    this.newMembers.requireQuorum();
    const members: TargetMember[] = [];
    for (const wanted of change.members) members.push(await this.newMembers.memberOf(wanted));
    const why = gone();
    if (why !== undefined) throw why;
    return this.propose(members, change);
  }

  /** @returns the entry that cancels, once it is written */
  async cancel(gone: () => RaftError | undefined): Promise<LogId> {
    for (;;) {
      const result = this.local.leading().driver.cancelMembershipChange(WISH_MS);
      if (result?.outcome === 'written') return { index: result.index, term: result.term };
      if (result?.outcome !== 'waits') throw cancelError(result);
      const why = gone();
      if (why !== undefined) throw result.pending === undefined ? why : undecidedEntry(result.pending, 'The change');
      await this.local.pause(POLL_MS);
    }
  }

  updateAddress({ name, peer, http, expectedIndex }: AddressRequest): { readonly index: number } {
    const replica = this.local.leading();
    const { index, configuration } = replica.kernel.configuration;
    const member = memberByName(configuration, name);
    if (member === undefined) throw rejected('UNKNOWN_MEMBER', `There is no member '${name}'; nothing was changed.`);
    if (expectedIndex !== undefined && expectedIndex !== index)
      throw new RaftError(
        'RAFT_CONFLICT',
        `The membership was not changed: it is that of index ${index}, and ${expectedIndex} was expected.`,
        { retryAfterMs: 1000 },
      );
    if (peer !== undefined) this.newMembers.requireProtected({ name, peer });
    const other = configuration.members.find((each) => each.id !== member.id && each.peer === peer);
    if (other !== undefined)
      throw rejected(
        'INVALID_MEMBERSHIP',
        `The membership was not changed: '${other.name}' has the peer address ${other.peer}. Two nodes can't share one.`,
      );
    const update = { id: member.id, peer: peer ?? member.peer, http: http ?? member.http };
    const result = replica.driver.changeAddresses([update]);
    if (result?.accepted === true) return { index: result.index };
    // What is being committed takes a moment: it is asked again.
    if (result?.reason === 'inProgress')
      throw new RaftError('RAFT_BUSY', `The membership was not changed: ${result.detail}.`, { retryAfterMs: 100 });
    throw changeError(result);
  }

  propose(
    members: readonly TargetMember[],
    {
      expectedIndex,
      force,
      supersede,
      timeoutMs,
    }: Pick<ChangeRequest, 'expectedIndex' | 'force' | 'supersede' | 'timeoutMs'>,
  ): LogId {
    const result = this.local.leading().driver.changeMembership({
      members,
      force,
      catchUpTimeoutMs: timeoutMs,
      ...(expectedIndex !== undefined && { expectedIndex }),
      ...(supersede !== undefined && { supersede }),
    });
    if (result?.accepted === true) return { index: result.index, term: result.term };
    throw changeError(result);
  }
}
