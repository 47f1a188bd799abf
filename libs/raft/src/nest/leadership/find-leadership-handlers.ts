import type { LoggerService } from '@nestjs/common';
import { MetadataScanner, type DiscoveryService } from '@nestjs/core';
import type { GroupId } from '../../core/types';
import { ACQUIRED, hookedGroups, LOST } from './leadership-hook.metadata';
import type { LeadershipHandler, LeadershipHandlers } from './leadership-lane';

type Methods = Readonly<Record<string, LeadershipHandler['call']>>;

/** Finds the methods of providers and controllers that want to hear of the group's leadership. */
export function findLeadershipHandlers(
  discovery: DiscoveryService,
  group: GroupId,
  logger: Pick<LoggerService, 'warn'>,
): readonly LeadershipHandlers[] {
  const scanner = new MetadataScanner();
  // One instance may stand under several tokens.
  const seen = new Set<object>();
  const found: LeadershipHandlers[] = [];
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
    const instance: unknown = wrapper.instance;
    if (typeof instance !== 'object' || instance === null || seen.has(instance)) {
      continue;
    }
    seen.add(instance);
    const prototype = Object.getPrototypeOf(instance) as Methods | null;
    if (prototype === null) {
      continue;
    }
    const hooked = (hook: typeof ACQUIRED): readonly string[] =>
      scanner.getAllMethodNames(prototype).filter((name) => hookedGroups(hook, prototype[name]!).includes(group));
    const names = { acquired: hooked(ACQUIRED), lost: hooked(LOST) };
    if (names.acquired.length + names.lost.length === 0) {
      continue;
    }
    if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient) {
      warnOfScope(logger, wrapper.name, [...names.acquired, ...names.lost], wrapper.isTransient);
      continue;
    }
    const handler = (name: string): LeadershipHandler => ({
      name: `${prototype.constructor.name}.${name}`,
      // Looked up at each call, so that a spy of a test on the instance is seen.
      call: (leadership) => (instance as Methods)[name]!(leadership),
    });
    found.push({ acquired: names.acquired.map(handler), lost: names.lost.map(handler) });
  }
  return found;
}

function warnOfScope(
  logger: Pick<LoggerService, 'warn'>,
  name: unknown,
  methods: readonly string[],
  transient: boolean,
): void {
  const scope = transient ? 'transient' : 'request-scoped, itself or by what is injected into it';
  logger.warn(
    `${String(name)} is ${scope}: there is no instance of it that its leadership hooks (${methods.join(', ')}) could be called on, and they are not called. Move them to a provider of the default scope.`,
  );
}
