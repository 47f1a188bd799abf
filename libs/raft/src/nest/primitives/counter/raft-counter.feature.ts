import { Inject } from '@nestjs/common';
import type { GroupId } from '../../../core/base/types';
import { checkedName } from '../shared/checked';
import type { RaftPrimitive } from '../../common/primitive';
import { primitiveToken } from '../shared/primitive-token';
import { CounterMachine } from './counter.machine';
import { RaftCounter } from './raft-counter';

/**
 * Names a replicated counter for `RaftModule.forFeature`, which provides it to the importing module. The same name in another
 * module or on another node is the same object.
 *
 * @param name 1 to 63 characters of `[A-Za-z0-9_.-]`, beginning with a letter
 * @throws RaftError `RAFT_CONFIGURATION` the name can't be one
 * @example
 * ```ts
 * @Module({ imports: [RaftModule.forFeature([raftCounter('visits')])] })
 * export class FeatureModule {}
 * ```
 * @publicApi
 */
export function raftCounter(name: string): RaftPrimitive {
  checkedName('raftCounter', name);
  return {
    label: label(name),
    machine: CounterMachine,
    token: (group) => getRaftCounterToken(name, group),
    handle: (parts) => new RaftCounter(name, parts),
  };
}

/**
 * Injects a {@link RaftCounter} that `RaftModule.forFeature([raftCounter(name)])` provides.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * constructor(@InjectRaftCounter('visits') private readonly visits: RaftCounter) {}
 * ```
 * @publicApi
 */
export function InjectRaftCounter(name: string, group?: GroupId): ParameterDecorator & PropertyDecorator {
  return Inject(getRaftCounterToken(name, group));
}

/**
 * The token of a replicated counter: for `moduleRef.get`, and for `overrideProvider` in tests.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * builder.overrideProvider(getRaftCounterToken('visits')).useValue(visitsOfTheTest);
 * ```
 * @publicApi
 */
export function getRaftCounterToken(name: string, group?: GroupId): string {
  return primitiveToken('RaftCounter', label(name), group);
}

function label(name: string): string {
  return `raftCounter('${name}')`;
}
