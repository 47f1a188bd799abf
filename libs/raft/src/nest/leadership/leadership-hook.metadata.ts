import { DiscoveryService } from '@nestjs/core';
import type { GroupId } from '../../core/base/types';
import { groupName } from '../common/raft.tokens';
import type { Leadership, LeadershipHookOptions } from './leadership.interface';

/** Decorates a method that takes the leadership, or nothing. @publicApi */
export type LeadershipHookDecorator = <T extends (leadership: Leadership) => unknown>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void;

/** The groups of whose leadership a method wants to hear. */
export const ACQUIRED = DiscoveryService.createDecorator<readonly GroupId[]>();
export const LOST = DiscoveryService.createDecorator<readonly GroupId[]>();

/** @returns the groups that the decorator names on a method */
export function hookedGroups(hook: typeof ACQUIRED, method: object): readonly GroupId[] {
  return (Reflect.getMetadata(hook.KEY, method) as readonly GroupId[] | undefined) ?? [];
}

/** A method may be decorated once for each of several groups. */
export function leadershipHook(hook: typeof ACQUIRED, { group }: LeadershipHookOptions): LeadershipHookDecorator {
  const name = groupName(group);
  return (target, key, descriptor) => {
    hook([...hookedGroups(hook, descriptor.value as object), name])(target, key, descriptor);
  };
}
