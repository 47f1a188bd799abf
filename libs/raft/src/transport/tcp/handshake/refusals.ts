import type { ConnectionEndRole } from './secret-proof';

/*
 * What the other side is told that is turned away for its secret, or for what it comes as. It hasn't proved anything by then,
 * so no sentence names a node, a cluster or a member. A node dials and accepts; of a client's connection, a node is the end
 * that accepted.
 */

export function noSecretThere(isClients: boolean, here: ConnectionEndRole): string {
  if (!isClients)
    return 'this node asks its peers for a secret (`peers.secret`), and you have none: configure the same on all nodes';
  return here === 'accepted'
    ? 'this node asks its clients for a secret (`peers.clients.secret`), and you have none: give it to the client'
    : 'this client has a secret, and you ask for none: set `peers.clients.secret` on all nodes, or leave it out at the client';
}

export function noSecretHere(isClients: boolean, here: ConnectionEndRole): string {
  if (!isClients)
    return 'you ask for a secret (`peers.secret`), and this node has none: configure the same on all nodes';
  return here === 'accepted'
    ? 'you ask for a secret, and this node has none for clients: set `peers.clients.secret` on all nodes, or leave it out'
    : "you ask for a secret, and this client has none: give it the nodes' `peers.clients.secret`";
}

export function wrongSecret(isClients: boolean, here: ConnectionEndRole): string {
  if (!isClients) return "your secret (`peers.secret`) isn't this node's: configure the same on all nodes";
  return here === 'accepted'
    ? "the client's secret isn't that of this node (`peers.clients.secret`): give the client that of the nodes"
    : "your secret for clients (`peers.clients.secret`) isn't this client's: give the client that of the nodes";
}

export function refusedRole(why: 'noClients' | 'dialled' | 'changed'): string {
  switch (why) {
    case 'noClients':
      return 'this node serves no clients: set `peers.clients`, for instance `{ secret }`, on the nodes that are to serve them';
    case 'dialled':
      return 'a client answers where a node was to be reached: check the addresses';
    case 'changed':
      return 'you connected as one of client and node, and now say that you are the other: connect again';
  }
}
