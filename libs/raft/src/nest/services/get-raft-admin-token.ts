import type { InjectionToken } from '@nestjs/common';
import { DEFAULT_GROUP, type GroupId } from '../../core/base/types';
import { RaftAdminService } from './raft-admin.service';
import { groupName } from '../common/raft.tokens';

/**
 * The token of a group's {@link RaftAdminService}.
 *
 * @param group default: the default group, whose service is also injected by its class
 */
export function getRaftAdminToken(group?: GroupId): InjectionToken<RaftAdminService> {
  const name = groupName(group);
  return name === DEFAULT_GROUP ? RaftAdminService : `RaftAdminService(${name})`;
}
