import { RaftError } from '../../errors/raft-error';
import { wasRemoved } from '../../core/membership/membership';
import type { Configuration, ConfigurationInForce } from '../../core/base/configuration';
import type { ReplicaId } from '../../core/base/types';
import type { PendingChange } from './pending-change';

/** `outgoing`: it has a vote until the joint configuration is left. @publicApi */
export type MemberRole = 'voter' | 'learner' | 'outgoing';

/** @publicApi */
export interface MemberView {
  readonly id: ReplicaId;
  readonly name: string;
  readonly peer: string;
  readonly http: string;
  readonly role: MemberRole;
}

/** The membership as this node knows it. @publicApi */
export interface MembershipView {
  /** The log index that it came from: what `expectedIndex` compares with. 0 for genesis. */
  readonly index: number;
  /** A change is under way: learners are waited for, or both halves of a joint configuration decide. */
  readonly changing: boolean;
  /** What is under way, and whom it waits for; null where nothing is. */
  readonly change: PendingChange | null;
  readonly members: readonly MemberView[];
}

/** A member of the membership that is wanted. @publicApi */
export interface MemberTarget {
  readonly name: string;
  /** Where peers reach it: `host:port`. */
  readonly peer: string;
  /** Where HTTP clients reach it, as an origin. Default: as before, or none. */
  readonly http?: string;
  /** Default true. `false`: it gets the log and has no vote (a read replica). */
  readonly voter?: boolean;
}

/** @publicApi */
export interface ChangeOptions {
  /** Compare-and-set: fails with `RAFT_CONFLICT` where the membership is another than that of this index. */
  readonly expectedIndex?: number;
  /** Go on although the voters that are alive wouldn't be a quorum of the target. Default false. */
  readonly force?: boolean;
  /**
   * How long the call waits for the end, and how long new voters may take to catch up without getting further, in milliseconds.
   * Default 60,000. From a minute on the change goes on while they do get further, for an hour at most.
   */
  readonly timeoutMs?: number;
  /** Aborted when nobody waits any longer: what isn't proposed yet is dropped. */
  readonly signal?: AbortSignal;
}

/** @publicApi */
export interface CancelOptions {
  /** How long to wait for an entry that isn't committed yet, and for the end, in milliseconds. Default 20,000. */
  readonly timeoutMs?: number;
  /** Aborted when nobody waits any longer: what isn't written yet is dropped. */
  readonly signal?: AbortSignal;
}

export function membershipView(
  { index, configuration }: ConfigurationInForce,
  change: PendingChange | null,
): MembershipView {
  return {
    index,
    changing: isChanging(configuration),
    change,
    members: configuration.members.map(({ id, name, peer, http }) => ({
      id,
      name,
      peer,
      http,
      role: roleOf(configuration, id),
    })),
  };
}

export function roleOf({ voters, outgoing }: Configuration, id: ReplicaId): MemberRole {
  if (voters.includes(id)) return 'voter';
  return outgoing.includes(id) ? 'outgoing' : 'learner';
}

export function isChanging({ target, outgoing }: Configuration): boolean {
  return target !== null || outgoing.length > 0;
}

/** What a node says of itself that has been removed. */
export function removalOf(
  { index, configuration }: ConfigurationInForce,
  self: ReplicaId,
  name: string,
): string | undefined {
  if (!wasRemoved(configuration, self)) return undefined;
  const where = index === 0 ? '' : ` (by entry ${index} of the log)`;
  return (
    `This node, replica ${self} ('${name}'), was removed from the cluster${where} and no longer takes part; its id is never ` +
    'given out again. Stop it. To bring it back, start it with an empty store and let it join as a new member.'
  );
}

/** @returns the members with one of them changed @throws RaftError `RAFT_REJECTED` (`UNKNOWN_MEMBER`) */
export function edited(
  members: readonly MemberTarget[],
  name: string,
  change: (member: MemberTarget) => MemberTarget,
): readonly MemberTarget[] {
  if (!members.some((member) => member.name === name))
    throw new RaftError('RAFT_REJECTED', `There is no member '${name}'; nothing was changed.`, {
      reason: 'UNKNOWN_MEMBER',
    });
  return members.map((member) => (member.name === name ? change(member) : member));
}
