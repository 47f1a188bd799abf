import { Inject } from '@nestjs/common';
import type { GroupId } from '../../core/base/types';
import { getRaftToken } from './get-raft-token';

/**
 * Injects a group's `RaftService`.
 *
 * @param group default: the default group, whose service is also injected by its class
 */
export function InjectRaft(group?: GroupId): ParameterDecorator & PropertyDecorator {
  return Inject(getRaftToken(group));
}
