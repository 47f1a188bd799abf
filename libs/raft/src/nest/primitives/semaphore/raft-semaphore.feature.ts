import { Inject } from '@nestjs/common';
import type { GroupId } from '../../../core/base/types';
import { checkedName } from '../shared/checked';
import type { RaftPrimitive } from '../../common/primitive';
import { primitiveToken } from '../shared/primitive-token';
import { SemaphoreMachine } from './semaphore.machine';
import { RaftSemaphore, type RaftSemaphoreOptions } from './raft-semaphore';

/**
 * Names a semaphore for `RaftModule.forFeature`, which provides it to the importing module. The same name in another
 * module or on another node is the same object.
 *
 * @param name 1 to 63 characters of `[A-Za-z0-9_.-]`, beginning with a letter
 * @param options see {@link RaftSemaphoreOptions}
 * @throws RaftError `RAFT_CONFIGURATION` the name can't be one
 * @example
 * ```ts
 * @Module({ imports: [RaftModule.forFeature([raftSemaphore('exports', { permits: 3 })])] })
 * export class FeatureModule {}
 * ```
 * @publicApi
 */
export function raftSemaphore(name: string, options: RaftSemaphoreOptions): RaftPrimitive {
  checkedName('raftSemaphore', name);
  return {
    label: label(name),
    machine: SemaphoreMachine,
    token: (group) => getRaftSemaphoreToken(name, group),
    handle: (parts) => new RaftSemaphore(name, options, parts),
  };
}

/**
 * Injects a {@link RaftSemaphore} that `RaftModule.forFeature([raftSemaphore(name)])` provides.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * constructor(@InjectRaftSemaphore('exports') private readonly exports: RaftSemaphore) {}
 * ```
 * @publicApi
 */
export function InjectRaftSemaphore(name: string, group?: GroupId): ParameterDecorator & PropertyDecorator {
  return Inject(getRaftSemaphoreToken(name, group));
}

/**
 * The token of a semaphore: for `moduleRef.get`, and for `overrideProvider` in tests.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * builder.overrideProvider(getRaftSemaphoreToken('exports')).useValue(exportsOfTheTest);
 * ```
 * @publicApi
 */
export function getRaftSemaphoreToken(name: string, group?: GroupId): string {
  return primitiveToken('RaftSemaphore', label(name), group);
}

function label(name: string): string {
  return `raftSemaphore('${name}')`;
}
