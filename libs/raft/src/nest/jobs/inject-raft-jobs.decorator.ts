import { Inject } from '@nestjs/common';
import type { GroupId } from '../../core/base/types';
import { getRaftJobsToken } from './get-raft-jobs-token';

/**
 * Injects a group's `RaftJobsService`.
 *
 * @param group default: the default group, whose service is also injected by its class
 * @example
 * ```ts
 * constructor(@InjectRaftJobs('billing') private readonly jobs: RaftJobsService) {}
 * ```
 * @publicApi
 */
export function InjectRaftJobs(group?: GroupId): ParameterDecorator & PropertyDecorator {
  return Inject(getRaftJobsToken(group));
}
