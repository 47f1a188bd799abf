import { Inject } from '@nestjs/common';
import type { GroupId } from '../../../core/base/types';
import { getRaftLockToken } from './get-raft-lock-token';

/**
 * Injects a group's `RaftLockService`.
 *
 * @param group default: the default group, whose service is also injected by its class
 * @example
 * ```ts
 * constructor(@InjectRaftLock('billing') private readonly locks: RaftLockService) {}
 * ```
 * @publicApi
 */
export function InjectRaftLock(group?: GroupId): ParameterDecorator & PropertyDecorator {
  return Inject(getRaftLockToken(group));
}
