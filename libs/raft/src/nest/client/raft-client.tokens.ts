import type { GroupId } from '../../core/base/types';
import { groupName } from '../common/raft.tokens';

/** Module-scoped: the options as they were given. */
export const RAFT_CLIENT_OPTIONS = Symbol('RAFT_CLIENT_OPTIONS');

/** Module-scoped: the group of this `RaftClientModule.forRoot`. */
export const RAFT_CLIENT_GROUP = Symbol('RAFT_CLIENT_GROUP');

/** Module-scoped: what one `RaftClientModule.forFeature` names. */
export const RAFT_CLIENT_FEATURE = Symbol('RAFT_CLIENT_FEATURE');

/** The token of what hosts a group's client in this application. */
export function getRaftClientHostToken(group?: GroupId): string {
  return `RaftClientHost(${groupName(group)})`;
}
