import type { CallHost } from './call-host.interface';
import { Logger, Scope, type Provider, type Type } from '@nestjs/common';
import { INQUIRER, ModuleRef } from '@nestjs/core';
import { defer } from 'rxjs';
import { RaftError } from '../../errors/raft-error';
import { DEFAULT_GROUP, type GroupId } from '../../core/base/types';
import { SystemScheduler } from '../../runtime/base/system-scheduler';
import { describeMachineClass } from '../../state-machine/declare/machine-class';
import { getStateMachineToken } from './get-state-machine-token';
import { isPrimitive, type RaftPrimitive } from './primitive';
import { callerOf } from './state-machine-caller';

/** @returns what `forFeature` provides: callers and handles, and a refusal for each class that is injected itself */
export function featureProviders(
  named: readonly (Type<object> | RaftPrimitive)[],
  group: GroupId,
  hostToken: string,
): Provider[] {
  return named.flatMap((each) =>
    isPrimitive(each)
      ? [handleOf(each, group, hostToken)]
      : [providerOf(each, group, hostToken), refusalOf(each, group)],
  );
}

export function featureExports(
  named: readonly (Type<object> | RaftPrimitive)[],
  group: GroupId,
): (string | symbol | Type<object>)[] {
  return named.flatMap((each): (string | symbol | Type<object>)[] =>
    isPrimitive(each) ? [each.token(group)] : [getStateMachineToken(each, group), each],
  );
}

/** The root is looked up at the first call: modules are made in any order. */
function lazyHost(moduleRef: ModuleRef, hostToken: string): () => CallHost {
  let found: CallHost | null | undefined;
  return () => {
    found ??= moduleRef.get<CallHost | null>(hostToken, { strict: false });
    if (found === null)
      throw new RaftError(
        'RAFT_NOT_STARTED',
        'The Raft node has not been made yet: this call came from a constructor. Nothing was done. Move the call to onApplicationBootstrap, or later.',
      );
    return found;
  };
}

function providerOf(machine: Type<object>, group: GroupId, hostToken: string): Provider {
  const token = getStateMachineToken(machine, group);
  describeMachineClass(machine);
  return {
    provide: token,
    inject: [ModuleRef],
    useFactory: (moduleRef: ModuleRef): object => callerOf(machine, lazyHost(moduleRef, hostToken)),
  };
}

function handleOf(primitive: RaftPrimitive, group: GroupId, hostToken: string): Provider {
  const { name } = describeMachineClass(primitive.machine);
  return {
    provide: primitive.token(group),
    inject: [ModuleRef],
    useFactory: (moduleRef: ModuleRef): object => {
      const host = lazyHost(moduleRef, hostToken);
      return primitive.handle({
        caller: callerOf(primitive.machine, host),
        events: defer(() => host().machineEvents.of(name)),
        scheduler: new SystemScheduler(),
        logger: new Logger('Raft'),
      });
    },
  };
}

/** Transient, so that it is made for each class that injects it. */
function refusalOf(machine: Type<object>, group: GroupId): Provider {
  return {
    provide: machine,
    scope: Scope.TRANSIENT,
    inject: [INQUIRER],
    useFactory: (inquirer: object | undefined): never => {
      const { name } = machine;
      const by = inquirer?.constructor.name ?? 'A provider';
      const where = group === DEFAULT_GROUP ? name : `${name}, '${group}'`;
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `${by} injects the state machine ${name} itself, whose methods would change this node's copy only. Write @InjectStateMachine(${where}) private readonly ${name.charAt(0).toLowerCase()}${name.slice(1)}: Replicated<${name}>.`,
      );
    },
  };
}
