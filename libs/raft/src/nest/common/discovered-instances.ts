import { MetadataScanner, type DiscoveryService } from '@nestjs/core';

type AnyMethod = (...args: never[]) => unknown;

/** An instance that Nest made, and the methods of its class. */
export interface DiscoveredInstance {
  readonly instance: object;
  readonly className: string;
  /** The class's methods, inherited ones included; what a decorator noted stands on them. */
  readonly methods: ReadonlyMap<string, AnyMethod>;
  /** The token's name, for sentences. */
  readonly provider: string;
  /** Why there is no one instance to call methods on, as the end of "… is"; undefined where there is one. */
  readonly scope: string | undefined;
}

/** @returns every provider and controller of the application, once, though it may stand under several tokens */
export function* discoveredInstances(discovery: DiscoveryService): Generator<DiscoveredInstance, void, undefined> {
  const scanner = new MetadataScanner();
  const seen = new Set<object>();
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
    const instance: unknown = wrapper.instance;
    if (typeof instance !== 'object' || instance === null || seen.has(instance)) continue;
    seen.add(instance);
    const prototype = Object.getPrototypeOf(instance) as Readonly<Record<string, AnyMethod>> | null;
    if (prototype === null) continue;
    yield {
      instance,
      className: prototype.constructor.name,
      methods: new Map(scanner.getAllMethodNames(prototype).map((name) => [name, prototype[name]!])),
      provider: String(wrapper.name),
      scope: scopeOf(wrapper),
    };
  }
}

function scopeOf(wrapper: { readonly isTransient: boolean; isDependencyTreeStatic(): boolean }): string | undefined {
  if (wrapper.isDependencyTreeStatic() && !wrapper.isTransient) return undefined;
  return wrapper.isTransient ? 'transient' : 'request-scoped, itself or by what is injected into it';
}
