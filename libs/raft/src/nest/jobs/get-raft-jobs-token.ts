import type { InjectionToken } from '@nestjs/common';
import { DEFAULT_GROUP, type GroupId } from '../../core/base/types';
import { groupName } from '../common/raft.tokens';
import { RaftJobsService } from './raft-jobs.service';

/**
 * The token of a group's {@link RaftJobsService}: for `moduleRef.get`, and for `overrideProvider` in tests.
 *
 * @param group default: the default group, whose service is also injected by its class
 * @example
 * ```ts
 * const history = await moduleRef.get(getRaftJobsToken('billing')).history('daily-report');
 * ```
 * @publicApi
 */
export function getRaftJobsToken(group?: GroupId): InjectionToken<RaftJobsService> {
  const name = groupName(group);
  return name === DEFAULT_GROUP ? RaftJobsService : `RaftJobsService(${name})`;
}
