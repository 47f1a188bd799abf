import { Inject } from '@nestjs/common';
import type { GroupId } from '../../../core/base/types';
import { checkedName } from '../shared/checked';
import type { RaftPrimitive } from '../../common/primitive';
import { primitiveToken } from '../shared/primitive-token';
import { QueueMachine } from './queue.machine';
import { RaftQueue, type RaftQueueOptions } from './raft-queue';

/**
 * Names a queue for `RaftModule.forFeature`, which provides it to the importing module. The same name in another
 * module or on another node is the same object.
 *
 * @param name 1 to 63 characters of `[A-Za-z0-9_.-]`, beginning with a letter
 * @param options see {@link RaftQueueOptions}
 * @throws RaftError `RAFT_CONFIGURATION` the name can't be one
 * @example
 * ```ts
 * @Module({ imports: [RaftModule.forFeature([raftQueue<Mail>('mails', { maxAttempts: 5 })])] })
 * export class FeatureModule {}
 * ```
 * @publicApi
 */
export function raftQueue<T = unknown>(name: string, options: RaftQueueOptions = {}): RaftPrimitive {
  checkedName('raftQueue', name);
  return {
    label: label(name),
    machine: QueueMachine,
    token: (group) => getRaftQueueToken(name, group),
    handle: (parts) => new RaftQueue<T>(name, options, parts),
  };
}

/**
 * Injects a {@link RaftQueue} that `RaftModule.forFeature([raftQueue(name)])` provides.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * constructor(@InjectRaftQueue('mails') private readonly mails: RaftQueue<Mail>) {}
 * ```
 * @publicApi
 */
export function InjectRaftQueue(name: string, group?: GroupId): ParameterDecorator & PropertyDecorator {
  return Inject(getRaftQueueToken(name, group));
}

/**
 * The token of a queue: for `moduleRef.get`, and for `overrideProvider` in tests.
 *
 * @param group the group that replicates it. Default: the default group
 * @example
 * ```ts
 * builder.overrideProvider(getRaftQueueToken('mails')).useValue(mailsOfTheTest);
 * ```
 * @publicApi
 */
export function getRaftQueueToken(name: string, group?: GroupId): string {
  return primitiveToken('RaftQueue', label(name), group);
}

function label(name: string): string {
  return `raftQueue('${name}')`;
}
