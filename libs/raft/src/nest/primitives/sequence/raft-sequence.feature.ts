import { Inject } from '@nestjs/common';
import type { GroupId } from '../../../core/base/types';
import { checkedName } from '../shared/checked';
import type { RaftPrimitive } from '../../common/primitive';
import { primitiveToken } from '../shared/primitive-token';
import { SequenceMachine } from './sequence.machine';
import { RaftSequence, type RaftSequenceOptions } from './raft-sequence';

/**
 * Names a sequence of numbers for `RaftModule.forFeature`, which provides it to the importing module. The same name in another
 * module or on another node is the same object.
 *
 * @param name 1 to 63 characters of `[A-Za-z0-9_.-]`, beginning with a letter
 * @param options see {@link RaftSequenceOptions}
 * @throws RaftError `RAFT_CONFIGURATION` the name can't be one
 * @example
 * ```ts
 * @Module({ imports: [RaftModule.forFeature([raftSequence('orderIds', { blockSize: 1_000 })])] })
 * export class FeatureModule {}
 * ```
 * @publicApi
 */
export function raftSequence(name: string, options: RaftSequenceOptions = {}): RaftPrimitive {
  checkedName('raftSequence', name);
  return {
    label: label(name),
    machine: SequenceMachine,
    token: (group) => getRaftSequenceToken(name, group),
    handle: (parts) => new RaftSequence(name, options, parts),
  };
}

/**
 * Injects a {@link RaftSequence} that `RaftModule.forFeature([raftSequence(name)])` provides.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * constructor(@InjectRaftSequence('orderIds') private readonly orderIds: RaftSequence) {}
 * ```
 * @publicApi
 */
export function InjectRaftSequence(name: string, group?: GroupId): ParameterDecorator & PropertyDecorator {
  return Inject(getRaftSequenceToken(name, group));
}

/**
 * The token of a sequence of numbers: for `moduleRef.get`, and for `overrideProvider` in tests.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * builder.overrideProvider(getRaftSequenceToken('orderIds')).useValue(orderIdsOfTheTest);
 * ```
 * @publicApi
 */
export function getRaftSequenceToken(name: string, group?: GroupId): string {
  return primitiveToken('RaftSequence', label(name), group);
}

function label(name: string): string {
  return `raftSequence('${name}')`;
}
