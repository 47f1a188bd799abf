import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { PROTOCOL_VERSIONS, type Hello } from '../contract';

/** @returns the sentence with which a peer is turned away that speaks no version of this protocol that this build speaks */
export function protocolRefusal({ protocol }: Hello): string | undefined {
  const { min, max } = PROTOCOL_VERSIONS;
  return protocol.min <= max && protocol.max >= min
    ? undefined
    : `you speak versions ${protocol.min} to ${protocol.max} of the peer protocol, this node ${min} to ${max}: upgrade one version at a time`;
}

/** @returns the sentence for a peer whose certificate is another node's, where that is checked */
export function certificateRefusal(
  socket: Socket,
  hello: Hello,
  { requireNodeName }: { readonly requireNodeName: boolean },
): string | undefined {
  if (!requireNodeName || !(socket instanceof TLSSocket)) return undefined;
  const names = certificateNames(socket);
  return names.includes(hello.nodeName)
    ? undefined
    : `you say that you are '${hello.nodeName}', but your certificate names ${names.map((name) => `'${name}'`).join(', ') || 'nobody'}`;
}

function certificateNames(socket: TLSSocket): string[] {
  const certificate = socket.getPeerCertificate();
  const commonName: unknown = certificate.subject?.CN;
  const alternatives = (certificate.subjectaltname ?? '')
    .split(', ')
    .filter((name) => name.startsWith('DNS:'))
    .map((name) => name.slice('DNS:'.length));
  return typeof commonName === 'string' ? [commonName, ...alternatives] : alternatives;
}
