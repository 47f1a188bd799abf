import type { InjectionToken, OptionalFactoryDependency } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import type { RaftPart, RaftPartFactory } from './raft-module-options.interface';

/**
 * Makes a part of the node, where the options say how, with providers from anywhere in the application.
 *
 * @param option the option's name
 * @throws RaftError `RAFT_CONFIGURATION` where a token isn't provided, or the factory failed
 */
export async function providePart<T extends object>(
  option: string,
  part: RaftPart<T> | undefined,
  moduleRef: ModuleRef,
): Promise<T | undefined> {
  if (part === undefined || !isFactory(part)) return part;
  const injected = (part.inject ?? []).map((dependency) => resolve(option, dependency, moduleRef));
  return part.useFactory(...injected);
}

function isFactory<T extends object>(part: RaftPart<T>): part is RaftPartFactory<T> {
  return typeof (part as Partial<RaftPartFactory<T>>).useFactory === 'function';
}

function resolve(
  option: string,
  dependency: InjectionToken | OptionalFactoryDependency,
  moduleRef: ModuleRef,
): unknown {
  const optional = isOptional(dependency);
  const token = optional ? dependency.token : dependency;
  try {
    return moduleRef.get<unknown>(token, { strict: false });
  } catch (error) {
    if (optional && dependency.optional) return undefined;
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `RaftModule: ${option} needs the provider ${describe(token)}, and no module provides it.`,
      { cause: error },
    );
  }
}

function isOptional(dependency: InjectionToken | OptionalFactoryDependency): dependency is OptionalFactoryDependency {
  return typeof dependency === 'object' && 'token' in dependency;
}

function describe(token: InjectionToken): string {
  return typeof token === 'function' ? token.name : String(token);
}
