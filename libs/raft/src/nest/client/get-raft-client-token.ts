import { Inject, type InjectionToken } from '@nestjs/common';
import { DEFAULT_GROUP, type GroupId } from '../../core/base/types';
import { groupName } from '../common/raft.tokens';
import { RaftClientService } from './raft-client.service';

/**
 * The token of a group's {@link RaftClientService}: for `moduleRef.get`, and for `overrideProvider` in tests.
 *
 * @param group default: the default group, whose service is also injected by its class
 * @publicApi
 */
export function getRaftClientToken(group?: GroupId): InjectionToken<RaftClientService> {
  const name = groupName(group);
  return name === DEFAULT_GROUP ? RaftClientService : `RaftClientService(${name})`;
}

/** Injects a group's `RaftClientService`. @param group default: the default group @publicApi */
export function InjectRaftClient(group?: GroupId): ParameterDecorator & PropertyDecorator {
  return Inject(getRaftClientToken(group));
}
