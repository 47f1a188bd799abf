import type { LoggerService } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import type { GroupId } from '../../core/base/types';
import { discoveredInstances } from '../common/discovered-instances';
import { ACQUIRED, hookedGroups, LOST } from './leadership-hook.metadata';
import type { LeadershipHandler, LeadershipHandlers } from './leadership-hook-queue';

type Methods = Readonly<Record<string, LeadershipHandler['call']>>;

/** Finds the methods of providers and controllers that want to hear of the group's leadership. */
export function findLeadershipHandlers(
  discovery: DiscoveryService,
  group: GroupId,
  logger: Pick<LoggerService, 'warn'>,
): readonly LeadershipHandlers[] {
  const found: LeadershipHandlers[] = [];
  for (const { instance, className, methods, provider, scope } of discoveredInstances(discovery)) {
    const hooked = (hook: typeof ACQUIRED): readonly string[] =>
      [...methods].filter(([, method]) => hookedGroups(hook, method).includes(group)).map(([name]) => name);
    const names = { acquired: hooked(ACQUIRED), lost: hooked(LOST) };
    if (names.acquired.length + names.lost.length === 0) continue;
    if (scope !== undefined) {
      const all = [...names.acquired, ...names.lost].join(', ');
      logger.warn(
        `${provider} is ${scope}: there is no instance of it that its leadership hooks (${all}) could be called on, and they are not called. Move them to a provider of the default scope.`,
      );
      continue;
    }
    const handler = (name: string): LeadershipHandler => ({
      name: `${className}.${name}`,
      // Looked up at each call, so that a spy of a test on the instance is seen.
      call: (leadership) => (instance as Methods)[name]!(leadership),
    });
    found.push({ acquired: names.acquired.map(handler), lost: names.lost.map(handler) });
  }
  return found;
}
