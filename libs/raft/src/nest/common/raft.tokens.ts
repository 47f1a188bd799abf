import { RaftError } from '../../errors/raft-error';
import { DEFAULT_GROUP, type GroupId } from '../../core/base/types';

/** Module-scoped: the options as they were given. */
export const RAFT_OPTIONS = Symbol('RAFT_OPTIONS');

/** Module-scoped: the group of this `forRoot`. Discovery counts them, to find a group that has two. */
export const RAFT_GROUP = Symbol('RAFT_GROUP');

/** Module-scoped: the state machines that one `forFeature` names. Discovery gathers them. */
export const RAFT_FEATURE = Symbol('RAFT_FEATURE');

const GROUP_NAME = /^[a-z0-9_-]{1,63}$/;

/**
 * @returns the group's name; the default group where none is given
 * @throws RaftError `RAFT_CONFIGURATION`
 */
export function groupName(group: GroupId | undefined): GroupId {
  if (group === undefined) return DEFAULT_GROUP;
  if (typeof group !== 'string' || !GROUP_NAME.test(group))
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `group is ${JSON.stringify(group)}: a group's name is 1 to 63 characters of a-z, 0-9, _ and -.`,
    );
  return group;
}

/** The token of the group's checked options with every default filled in. */
export function getRaftSettingsToken(group?: GroupId): string {
  return `RaftSettings(${groupName(group)})`;
}

/** The token of what hosts the group's node in this application. */
export function getRaftHostToken(group?: GroupId): string {
  return `RaftNodeHost(${groupName(group)})`;
}

/** Module-scoped: how a node is made of its parts. */
export const RAFT_NODE_FACTORY = Symbol('RAFT_NODE_FACTORY');

/** Module-scoped: how the options that were given become those in force. */
export const RAFT_SETTINGS_FACTORY = Symbol('RAFT_SETTINGS_FACTORY');
