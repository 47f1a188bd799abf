import type { Configuration } from '../../core/base/configuration';
import type { Kernel, ReplicaProgress } from '../../core/base/kernel-api';
import { memberById } from '../../core/membership/membership';
import type { LogId, ReplicaId } from '../../core/base/types';

/** A member that a change waits for, and why. @publicApi */
export interface AwaitedMember {
  readonly id: ReplicaId;
  readonly name: string;
  readonly why: string;
}

/** A change of the membership that is under way, as far as this node knows it. @publicApi */
export interface PendingChange {
  /**
   * `uncommitted`: its entry isn't known to be committed. `catchingUp`: nobody's vote has changed yet, members get the log.
   * `joint`: a majority of the old voters and one of the new ones decide together.
   */
  readonly stage: 'uncommitted' | 'catchingUp' | 'joint';
  /** The newest entry of the change that this node doesn't know to be committed; null where there is none. */
  readonly entry: LogId | null;
  /** The names of those that vote in the end. */
  readonly voters: readonly string[];
  /** The names of members that only this change has brought in: they go again when it is cancelled. */
  readonly added: readonly string[];
  /** When it is given up unless they get further, and when in any case, in the cluster's time, as ISO 8601; null where there is none. */
  readonly deadline: string | null;
  readonly ends: string | null;
  /** Whom it waits for. Only the leader knows: null on the other nodes. */
  readonly waitsFor: readonly AwaitedMember[] | null;
}

/** @returns null where nothing is under way */
export function pendingChangeOf(kernel: Kernel, electionTimeoutMs: number): PendingChange | null {
  const inForce = kernel.configuration.configuration;
  const pending = kernel.pendingConfiguration;
  const isJoint = inForce.outgoing.length > 0;
  if (inForce.target === null && !isJoint && pending === undefined) return null;
  const shown = inForce.target === null && !isJoint ? pending!.configuration : inForce;
  const { target } = shown;
  const names = (ids: readonly ReplicaId[]): readonly string[] =>
    ids.map((id) => memberById(shown, id)?.name ?? String(id));
  return {
    stage: isJoint ? 'joint' : inForce.target === null ? 'uncommitted' : 'catchingUp',
    entry: pending === undefined ? null : { index: pending.index, term: kernel.termAt(pending.index) ?? 0 },
    voters: names(target?.voters ?? shown.voters),
    added: names(shown.added),
    deadline: timeOf(target?.deadlineMs),
    ends: timeOf(target?.endsMs),
    waitsFor: kernel.status.role === 'leader' ? awaited(kernel, shown, electionTimeoutMs) : null,
  };
}

function timeOf(timeMs: number | null | undefined): string | null {
  return timeMs === null || timeMs === undefined ? null : new Date(timeMs).toISOString();
}

function awaited(kernel: Kernel, shown: Configuration, electionTimeoutMs: number): readonly AwaitedMember[] {
  const { target, voters, outgoing } = shown;
  const ids =
    target === null ? [...new Set([...voters, ...outgoing])] : target.voters.filter((id) => !voters.includes(id));
  return kernel.progress().flatMap((progress) => {
    const member = ids.includes(progress.id) ? memberById(shown, progress.id) : undefined;
    const why =
      member === undefined ? undefined : whyOf(progress, kernel.lastIndex, target !== null, electionTimeoutMs);
    return member === undefined || why === undefined ? [] : [{ id: member.id, name: member.name, why }];
  });
}

/** @param catchesUp it has no vote yet; of those that have one only the silent are waited for */
function whyOf(
  { wasHeard, silentMs, state, isCaughtUp, matchIndex, appliedIndex }: ReplicaProgress,
  lastIndex: number,
  catchesUp: boolean,
  electionTimeoutMs: number,
): string | undefined {
  const silentSeconds = (silentMs / 1000).toFixed(1);
  if (silentMs >= electionTimeoutMs)
    return wasHeard
      ? `it has not answered for ${silentSeconds} s`
      : `it has never answered this leader, for ${silentSeconds} s`;
  if (!catchesUp || isCaughtUp) return undefined;
  if (state === 'snapshot') return 'it fetches a snapshot';
  return `it holds entries up to ${matchIndex} of ${lastIndex}, and has applied them up to ${appliedIndex}`;
}
