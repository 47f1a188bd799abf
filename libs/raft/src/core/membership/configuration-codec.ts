import type { Configuration, Member, MembershipTarget } from '../base/configuration';
import { InvariantError } from '../base/invariant';
import { checkConfiguration } from './membership';

/** The data of a configuration entry: JSON, as it is rare, small, and read by administrators. */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(configuration));
}

/** @throws InvariantError where the data is no configuration */
export function decodeConfiguration(data: Uint8Array): Configuration {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch (error) {
    throw new InvariantError(`a configuration entry can't be read: ${String(error)}`);
  }
  return configurationOf(parsed);
}

/** @throws InvariantError where a value from a store or a peer isn't a whole configuration */
export function configurationOf(value: unknown): Configuration {
  const completed = withDefaults(value);
  if (!isConfiguration(completed)) throw new InvariantError(`not a configuration: ${JSON.stringify(value)}`);
  checkConfiguration(completed);
  return completed;
}

/** What was stored before these fields were known has none of them. */
function withDefaults(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { added = [], target = null } = value as { readonly added?: unknown; readonly target?: unknown };
  const isObject = typeof target === 'object' && target !== null;
  return { ...value, added, target: isObject ? { deadlineMs: null, endsMs: null, ...target } : target };
}

function isConfiguration(value: unknown): value is Configuration {
  if (typeof value !== 'object' || value === null) return false;
  const candidate = value as Partial<Record<keyof Configuration, unknown>>;
  return (
    Array.isArray(candidate.members) &&
    candidate.members.every(isMember) &&
    [candidate.voters, candidate.outgoing, candidate.learners, candidate.learnersNext, candidate.added].every(
      isIdList,
    ) &&
    typeof candidate.autoLeave === 'boolean' &&
    (candidate.target === null || isTarget(candidate.target)) &&
    Number.isSafeInteger(candidate.nextReplicaId)
  );
}

function isTarget(value: unknown): value is MembershipTarget {
  if (typeof value !== 'object' || value === null) return false;
  const candidate = value as Partial<Record<keyof MembershipTarget, unknown>>;
  return (
    [candidate.voters, candidate.learners].every(isIdList) &&
    Number.isFinite(candidate.catchUpTimeoutMs) &&
    [candidate.deadlineMs, candidate.endsMs].every((time) => time === null || Number.isSafeInteger(time))
  );
}

function isIdList(value: unknown): boolean {
  return Array.isArray(value) && value.every((id) => Number.isSafeInteger(id));
}

function isMember(value: unknown): value is Member {
  if (typeof value !== 'object' || value === null) return false;
  const candidate = value as Partial<Record<keyof Member, unknown>>;
  return (
    Number.isSafeInteger(candidate.id) &&
    [candidate.name, candidate.peer, candidate.http, candidate.incarnation].every((text) => typeof text === 'string')
  );
}
