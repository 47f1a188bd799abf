import type { Configuration, Member, MembershipTarget } from '../base/configuration';

/**
 * A membership as it is stored and sent: in configuration entries, in snapshots, in a store's state and in the answer to a node
 * that joins. These names, and their order, are part of the format: they stay when a public name changes.
 */
export interface WireConfiguration {
  readonly members: readonly WireMember[];
  readonly voters: readonly number[];
  readonly outgoing: readonly number[];
  readonly learners: readonly number[];
  readonly learnersNext: readonly number[];
  readonly autoLeave: boolean;
  readonly target: WireTarget | null;
  readonly added: readonly number[];
  readonly nextReplicaId: number;
}

interface WireMember {
  readonly id: number;
  readonly name: string;
  readonly peer: string;
  readonly http: string;
  readonly incarnation: string;
}

interface WireTarget {
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  readonly catchUpTimeoutMs: number;
  readonly deadlineMs: number | null;
  readonly endsMs: number | null;
}

export function toWireConfiguration(configuration: Configuration): WireConfiguration {
  const { members, voters, outgoing, learners, learnersNext, autoLeave, target, added, nextReplicaId } = configuration;
  return {
    members: members.map(toWireMember),
    voters,
    outgoing,
    learners,
    learnersNext,
    autoLeave,
    target: target === null ? null : toWireTarget(target),
    added,
    nextReplicaId,
  };
}

export function fromWireConfiguration(wire: WireConfiguration): Configuration {
  const { members, voters, outgoing, learners, learnersNext, autoLeave, target, added, nextReplicaId } = wire;
  return {
    members: members.map(fromWireMember),
    voters,
    outgoing,
    learners,
    learnersNext,
    autoLeave,
    target: target === null ? null : fromWireTarget(target),
    added,
    nextReplicaId,
  };
}

/** What was stored before these fields were known has none of them. */
export function withDefaults(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { added = [], target = null } = value as { readonly added?: unknown; readonly target?: unknown };
  const isObject = typeof target === 'object' && target !== null;
  return { ...value, added, target: isObject ? { deadlineMs: null, endsMs: null, ...target } : target };
}

export function isWireConfiguration(value: unknown): value is WireConfiguration {
  if (typeof value !== 'object' || value === null) return false;
  const candidate = value as Partial<Record<keyof WireConfiguration, unknown>>;
  return (
    Array.isArray(candidate.members) &&
    candidate.members.every(isWireMember) &&
    [candidate.voters, candidate.outgoing, candidate.learners, candidate.learnersNext, candidate.added].every(
      isIdList,
    ) &&
    typeof candidate.autoLeave === 'boolean' &&
    (candidate.target === null || isWireTarget(candidate.target)) &&
    Number.isSafeInteger(candidate.nextReplicaId)
  );
}

function toWireMember({ id, name, peer, http, incarnation }: Member): WireMember {
  return { id, name, peer, http, incarnation };
}

function fromWireMember({ id, name, peer, http, incarnation }: WireMember): Member {
  return { id, name, peer, http, incarnation };
}

function toWireTarget({ voters, learners, catchUpTimeoutMs, deadlineMs, endsMs }: MembershipTarget): WireTarget {
  return { voters, learners, catchUpTimeoutMs, deadlineMs, endsMs };
}

function fromWireTarget({ voters, learners, catchUpTimeoutMs, deadlineMs, endsMs }: WireTarget): MembershipTarget {
  return { voters, learners, catchUpTimeoutMs, deadlineMs, endsMs };
}

function isWireTarget(value: unknown): value is WireTarget {
  if (typeof value !== 'object' || value === null) return false;
  const candidate = value as Partial<Record<keyof WireTarget, unknown>>;
  return (
    [candidate.voters, candidate.learners].every(isIdList) &&
    Number.isFinite(candidate.catchUpTimeoutMs) &&
    [candidate.deadlineMs, candidate.endsMs].every((time) => time === null || Number.isSafeInteger(time))
  );
}

function isIdList(value: unknown): boolean {
  return Array.isArray(value) && value.every((id) => Number.isSafeInteger(id));
}

function isWireMember(value: unknown): value is WireMember {
  if (typeof value !== 'object' || value === null) return false;
  const candidate = value as Partial<Record<keyof WireMember, unknown>>;
  return (
    Number.isSafeInteger(candidate.id) &&
    [candidate.name, candidate.peer, candidate.http, candidate.incarnation].every((text) => typeof text === 'string')
  );
}
