import { Inject } from '@nestjs/common';
import type { GroupId } from '../../../core/base/types';
import { checkedName } from '../shared/checked';
import type { RaftPrimitive } from '../../common/primitive';
import { primitiveToken } from '../shared/primitive-token';
import { MapMachine } from './map.machine';
import { RaftMap } from './raft-map';

/**
 * Names a replicated map for `RaftModule.forFeature`, which provides it to the importing module. The name is the map:
 * the same name in another module or on another node is the same map.
 *
 * @param name 1 to 63 characters of `[A-Za-z0-9_.-]`, beginning with a letter
 * @throws RaftError `RAFT_CONFIGURATION` the name can't be one
 * @example
 * ```ts
 * @Module({ imports: [RaftModule.forFeature([raftMap<Flag>('flags')])] })
 * export class FlagsModule {}
 * ```
 * @publicApi
 */
export function raftMap<T = unknown>(name: string): RaftPrimitive {
  checkedName('raftMap', name);
  return {
    label: label(name),
    machine: MapMachine,
    token: (group) => getRaftMapToken(name, group),
    handle: (parts) => new RaftMap<T>(name, parts),
  };
}

/**
 * Injects a {@link RaftMap} that `RaftModule.forFeature([raftMap(name)])` provides.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * constructor(@InjectRaftMap('flags') private readonly flags: RaftMap<Flag>) {}
 * ```
 * @publicApi
 */
export function InjectRaftMap(name: string, group?: GroupId): ParameterDecorator & PropertyDecorator {
  return Inject(getRaftMapToken(name, group));
}

/**
 * The token of a map: for `moduleRef.get`, and for `overrideProvider` in tests.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * builder.overrideProvider(getRaftMapToken('flags')).useValue(flagsOfTheTest);
 * ```
 * @publicApi
 */
export function getRaftMapToken(name: string, group?: GroupId): string {
  return primitiveToken('RaftMap', label(name), group);
}

function label(name: string): string {
  return `raftMap('${name}')`;
}
