import type { GroupId, LogId } from '../core/base/types';
import { StoreOwnerError } from './contract';

/** The sentence for a store that another node has used before. */
export function ownedByAnother(owner: string, asking: string, store: string, remedy: string): StoreOwnerError {
  return new StoreOwnerError(
    `Node '${asking}' was started on ${store}, which belongs to node '${owner}'. A store is one node's memory of its votes; ` +
      `used by another node it would let one vote count twice. ${remedy}`,
  );
}

/** A snapshot that is older than the one that is stored would take the log's beginning away. */
export function snapshotWentBack(group: GroupId, offered: LogId, stored: LogId): Error {
  return new Error(
    `The snapshot of group '${group}' at index ${offered.index} was not stored: there is one at index ${stored.index} already.`,
  );
}

/** A group's first batch says whose replica this is; a snapshot without it would belong to nobody. */
export function snapshotOfUnknownGroup(group: GroupId): Error {
  return new Error(`The snapshot of group '${group}' was not stored: no batch of the group was written before.`);
}
