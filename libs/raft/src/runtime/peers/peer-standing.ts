import type { Configuration } from '../../core/base/configuration';
import { memberById, wasRemoved } from '../../core/membership/membership';
import type { Message } from '../../core/base/messages';
import { NO_REPLICA } from '../../core/base/types';
import type { Hello } from '../../transport/contract';

/**
 * What somebody is to this node's membership, by what he said on an admitted connection.
 *
 * - `member`: the replica id is in the configuration in force, with this store and this name. What it says of others counts.
 * - `newer`: a replica id that this node's configuration hasn't given out yet, as this node is behind (thesis §4.1).
 * - `removed`: a replica id that was given out, and is no longer a member's.
 * - `outsider`: no replica of this cluster, or one that says it is a replica with another store or name.
 */
export type PeerStanding = 'member' | 'newer' | 'removed' | 'outsider';

/** @param configuration in force here; undefined before there is one */
export function standingOf(peer: Hello, clusterId: string, configuration: Configuration | undefined): PeerStanding {
  const { replicaId } = peer;
  if (configuration === undefined || clusterId === '' || peer.clusterId !== clusterId) return 'outsider';
  if (replicaId === NO_REPLICA || peer.role === 'client') return 'outsider';
  const member = memberById(configuration, replicaId);
  if (member !== undefined)
    return member.incarnation === peer.incarnation && member.name === peer.nodeName ? 'member' : 'outsider';
  return wasRemoved(configuration, replicaId) ? 'removed' : 'newer';
}

/** Whether it may take part in what replicas do among themselves. */
export function isAmongUs(standing: PeerStanding): boolean {
  return standing === 'member' || standing === 'newer';
}

/** A message counts for the replica, and the store, that its connection belongs to (safety 9), and for no other. */
export function speaksFor(sender: Hello, message: Message): boolean {
  return (
    message.clusterId === sender.clusterId &&
    message.from === sender.replicaId &&
    message.incarnation === sender.incarnation
  );
}
