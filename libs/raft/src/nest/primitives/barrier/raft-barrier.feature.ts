import { Inject } from '@nestjs/common';
import type { GroupId } from '../../../core/base/types';
import { checkedName } from '../shared/checked';
import type { RaftPrimitive } from '../../common/primitive';
import { primitiveToken } from '../shared/primitive-token';
import { BarrierMachine } from './barrier.machine';
import { RaftBarrier, type RaftBarrierOptions } from './raft-barrier';

/**
 * Names a barrier for `RaftModule.forFeature`, which provides it to the importing module. The same name in another
 * module or on another node is the same object.
 *
 * @param name 1 to 63 characters of `[A-Za-z0-9_.-]`, beginning with a letter
 * @param options see {@link RaftBarrierOptions}
 * @throws RaftError `RAFT_CONFIGURATION` the name can't be one
 * @example
 * ```ts
 * @Module({ imports: [RaftModule.forFeature([raftBarrier('shards', { parties: 3 })])] })
 * export class FeatureModule {}
 * ```
 * @publicApi
 */
export function raftBarrier(name: string, options: RaftBarrierOptions): RaftPrimitive {
  checkedName('raftBarrier', name);
  return {
    label: label(name),
    machine: BarrierMachine,
    token: (group) => getRaftBarrierToken(name, group),
    handle: (parts) => new RaftBarrier(name, options, parts),
  };
}

/**
 * Injects a {@link RaftBarrier} that `RaftModule.forFeature([raftBarrier(name)])` provides.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * constructor(@InjectRaftBarrier('shards') private readonly shards: RaftBarrier) {}
 * ```
 * @publicApi
 */
export function InjectRaftBarrier(name: string, group?: GroupId): ParameterDecorator & PropertyDecorator {
  return Inject(getRaftBarrierToken(name, group));
}

/**
 * The token of a barrier: for `moduleRef.get`, and for `overrideProvider` in tests.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * builder.overrideProvider(getRaftBarrierToken('shards')).useValue(shardsOfTheTest);
 * ```
 * @publicApi
 */
export function getRaftBarrierToken(name: string, group?: GroupId): string {
  return primitiveToken('RaftBarrier', label(name), group);
}

function label(name: string): string {
  return `raftBarrier('${name}')`;
}
