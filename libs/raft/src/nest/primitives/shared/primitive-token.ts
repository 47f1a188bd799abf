import { DEFAULT_GROUP, type GroupId } from '../../../core/base/types';
import { groupName } from '../../common/raft.tokens';

/**
 * @param type what is injected: `RaftMap`
 * @param label how it is named in `forFeature`: `raftMap('flags')`
 * @returns the token; Nest prints it where the provider is missing
 */
export function primitiveToken(type: string, label: string, group: GroupId | undefined): string {
  const name = groupName(group);
  const feature = `[${label}]${name === DEFAULT_GROUP ? '' : `, '${name}'`}`;
  return `${type}, which RaftModule.forFeature(${feature}) provides: add it to the imports of the module`;
}
