/** What a peer or a client is told that is turned away for its secret, or for what it comes as. */

export function noSecretThere(isClients: boolean): string {
  return isClients
    ? 'this node asks its clients for a secret (`peers.clients.secret`), and you have none: give it to the client'
    : 'this node asks its peers for a secret (`peers.secret`), and you have none: configure the same on all nodes';
}

export function noSecretHere(isClients: boolean): string {
  return isClients
    ? 'you ask for a secret, and this node has none for clients: set `peers.clients.secret` on all nodes, or leave it out'
    : 'you ask for a secret (`peers.secret`), and this node has none: configure the same on all nodes';
}

export function wrongSecret(isClients: boolean): string {
  return isClients
    ? "the client's secret isn't that of this node (`peers.clients.secret`): give the client the nodes' own"
    : "your secret (`peers.secret`) isn't this node's: configure the same on all nodes";
}

export function refusedRole(why: 'noClients' | 'dialled' | 'changed'): string {
  switch (why) {
    case 'noClients':
      return 'this node serves no clients: set `peers.clients`, for instance `{ secret }`, on the nodes that shall';
    case 'dialled':
      return 'a client answers where a node was to be reached: check the addresses';
    case 'changed':
      return 'you came as one of client and node, and say now that you are the other: connect anew';
  }
}
