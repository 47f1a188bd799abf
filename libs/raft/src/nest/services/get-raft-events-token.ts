import type { InjectionToken } from '@nestjs/common';
import { DEFAULT_GROUP, type GroupId } from '../../core/base/types';
import { RaftEventsService } from './raft-events.service';
import { groupName } from '../common/raft.tokens';

/**
 * The token of a group's {@link RaftEventsService}.
 *
 * @param group default: the default group, whose service is also injected by its class
 */
export function getRaftEventsToken(group?: GroupId): InjectionToken<RaftEventsService> {
  const name = groupName(group);
  return name === DEFAULT_GROUP ? RaftEventsService : `RaftEventsService(${name})`;
}
