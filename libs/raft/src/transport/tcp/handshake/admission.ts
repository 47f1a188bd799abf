import type { GreetingFrame } from '../../codec';
import { CLIENT_PROTOCOL_VERSIONS, PROTOCOL_VERSIONS } from '../../contract';

/** @returns the sentence with which a peer is turned away that speaks no version of this protocol that this build speaks */
export function protocolRefusal({ protocol, role }: Pick<GreetingFrame, 'protocol' | 'role'>): string | undefined {
  const { min, max } = role === 'client' ? CLIENT_PROTOCOL_VERSIONS : PROTOCOL_VERSIONS;
  return protocol.min <= max && protocol.max >= min
    ? undefined
    : `you speak versions ${protocol.min} to ${protocol.max} of the peer protocol, this node ${min} to ${max}: ` +
        'bring all nodes and clients to one version of the package';
}
