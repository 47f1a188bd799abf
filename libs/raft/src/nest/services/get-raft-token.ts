import type { InjectionToken } from '@nestjs/common';
import { DEFAULT_GROUP, type GroupId } from '../../core/base/types';
import { RaftService } from './raft.service';
import { groupName } from '../common/raft.tokens';

/**
 * The token of a group's {@link RaftService}: for `moduleRef.get`, and for `overrideProvider` in tests.
 *
 * @param group default: the default group, whose service is also injected by its class
 */
export function getRaftToken(group?: GroupId): InjectionToken<RaftService> {
  const name = groupName(group);
  return name === DEFAULT_GROUP ? RaftService : `RaftService(${name})`;
}
