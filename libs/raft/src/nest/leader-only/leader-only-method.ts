import { Inject } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import { followerError } from './follower-errors';
import { guardedRoute, type GuardedRoute } from './guarded-route';
import { hasCaller, handlerKind } from '../common/handler-kind';
import type { LeaderOnlyOptions } from '../common/leader-only.interface';

type Method = (this: object, ...args: unknown[]) => unknown;

/** Under which Nest gives an instance the way to its application. */
const MODULE_REF = Symbol('nestjs-raft:module-ref');
const HAS_MODULE_REF = 'nestjs-raft:has-module-ref';

const AsyncMethod = (async () => {}).constructor;

/**
 * Wraps a method that Nest may call without asking its guards, as it does with listeners of events, or that other code calls. For
 * handlers with a caller the guard decides, and the wrapper stays out of the way.
 *
 * @param prototype of the class, which gets a property injected
 */
export function leaderOnlyMethod(prototype: object, method: Method, options: LeaderOnlyOptions): Method {
  injectModuleRef(prototype);
  const routes = new WeakMap<ModuleRef, GuardedRoute>();
  const wrapper: Method = function (...args) {
    const kind = handlerKind(wrapper);
    if (hasCaller(kind)) return method.apply(this, args);
    const moduleRef = moduleRefOf(this, method.name);
    const route = routes.get(moduleRef) ?? guardedRoute(moduleRef, options);
    routes.set(moduleRef, route);
    if (route.raft.isLeader() || (kind === 'event' && route.policy.onFollower !== 'skip'))
      return method.apply(this, args);
    if (route.policy.onFollower === 'skip') return undefined;
    const error = followerError(route.raft.status());
    if (method instanceof AsyncMethod) return Promise.reject(error);
    throw error;
  };
  // Decorators that stand below this one have said their part on the method itself.
  for (const key of Reflect.getOwnMetadataKeys(method) as readonly unknown[])
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, method), wrapper);
  Object.defineProperty(wrapper, 'name', { value: method.name, configurable: true });
  Object.defineProperty(wrapper, 'length', { value: method.length, configurable: true });
  return wrapper;
}

function injectModuleRef(prototype: object): void {
  const { constructor } = prototype;
  if (Reflect.hasMetadata(HAS_MODULE_REF, constructor)) return;
  Reflect.defineMetadata(HAS_MODULE_REF, true, constructor);
  Inject(ModuleRef)(prototype, MODULE_REF);
}

function moduleRefOf(instance: object, method: string): ModuleRef {
  const moduleRef = (instance as { readonly [MODULE_REF]?: ModuleRef } | undefined)?.[MODULE_REF];
  if (moduleRef === undefined) {
    const name = `${(instance as object | undefined)?.constructor.name ?? 'An object'}.${method}()`;
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `${name} has @LeaderOnly(), and was called on an object that Nest didn't make: whether this node leads isn't known there. Nothing was done. Name the class among a module's providers, instead of making it with new.`,
    );
  }
  return moduleRef;
}
