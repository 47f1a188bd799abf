import type { InjectionToken } from '@nestjs/common';
import { DEFAULT_GROUP, type GroupId } from '../../../core/base/types';
import { groupName } from '../../common/raft.tokens';
import { RaftLockService } from './raft-lock.service';

/**
 * The token of a group's {@link RaftLockService}: for `moduleRef.get`, and for `overrideProvider` in tests.
 *
 * @param group default: the default group, whose service is also injected by its class
 * @example
 * ```ts
 * builder.overrideProvider(getRaftLockToken()).useValue(locksOfTheTest);
 * ```
 * @publicApi
 */
export function getRaftLockToken(group?: GroupId): InjectionToken<RaftLockService> {
  const name = groupName(group);
  return name === DEFAULT_GROUP ? RaftLockService : `RaftLockService(${name})`;
}
