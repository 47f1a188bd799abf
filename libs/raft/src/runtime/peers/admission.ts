import { type Hello, PROTOCOL_VERSIONS } from '../../transport/contract';

/** Who this node is, as far as it decides whom it talks to. */
export interface OwnIdentity {
  readonly clusterName: string;
  /** Empty before genesis. */
  readonly clusterId: string;
  readonly nodeName: string;
  readonly incarnation: string;
}

/** @returns undefined to admit the peer, or the sentence with which it is refused */
export function refusalOf(peer: Hello, own: OwnIdentity): string | undefined {
  if (peer.clusterName !== own.clusterName)
    return (
      `Node '${peer.nodeName}' belongs to the cluster '${peer.clusterName}', this is node '${own.nodeName}' of ` +
      `'${own.clusterName}': check the addresses of the peers, or the cluster's name.`
    );
  if (peer.protocol.max < PROTOCOL_VERSIONS.min || peer.protocol.min > PROTOCOL_VERSIONS.max)
    return (
      `Node '${peer.nodeName}' speaks versions ${peer.protocol.min} to ${peer.protocol.max} of the peer protocol, ` +
      `'${own.nodeName}' speaks ${PROTOCOL_VERSIONS.min} to ${PROTOCOL_VERSIONS.max}: upgrade the older one step by step.`
    );
  if (peer.incarnation === own.incarnation)
    return (
      `Node '${peer.nodeName}' has the very store of '${own.nodeName}': either a peer address leads back to the node ` +
      'itself, or two processes run on copies of one store. Give each node a store and an address of its own.'
    );
  if (peer.nodeName === own.nodeName)
    return `Two nodes are called '${own.nodeName}', with different stores: give each a name of its own.`;
  if (peer.clusterId !== '' && own.clusterId !== '' && peer.clusterId !== own.clusterId)
    return (
      `Node '${peer.nodeName}' belongs to another cluster of the name '${own.clusterName}' (${peer.clusterId}, this one ` +
      `is ${own.clusterId}): they were founded apart, and their logs have nothing in common. Check the addresses of the ` +
      'peers; to move a node to another cluster, empty its store and add it as a new member.'
    );
  return undefined;
}

/** @returns undefined to admit the client, or the sentence with which it is refused */
export function admissionOfClient(
  client: Hello,
  own: Pick<OwnIdentity, 'clusterName' | 'nodeName'>,
): string | undefined {
  return client.clusterName === own.clusterName
    ? undefined
    : `The client '${client.nodeName}' asks for the cluster '${client.clusterName}', and node '${own.nodeName}' belongs to ` +
        `'${own.clusterName}': check the client's addresses, or its clusterName.`;
}
