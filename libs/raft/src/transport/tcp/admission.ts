import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { CLIENT_PROTOCOL_VERSIONS, PROTOCOL_VERSIONS, type Hello } from '../contract';
import type { ClientAdmission } from './tcp-transport-options';

/** @returns the sentence with which a peer is turned away that speaks no version of this protocol that this build speaks */
export function protocolRefusal({ protocol, role }: Hello): string | undefined {
  const { min, max } = role === 'client' ? CLIENT_PROTOCOL_VERSIONS : PROTOCOL_VERSIONS;
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
    : `you say that you are '${hello.nodeName}', but your certificate names ${quoted(names)}`;
}

/** @returns the sentence for a client whose certificate names nobody that may be one, where that is checked */
export function clientCertificateRefusal(socket: Socket, { names }: ClientAdmission): string | undefined {
  if (names === undefined) return undefined;
  const shown = socket instanceof TLSSocket ? certificateNames(socket) : [];
  return shown.some((name) => names.includes(name))
    ? undefined
    : `your certificate names ${quoted(shown)}, and none of them may be a client here (\`peers.clients.names\`)`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ') || 'nobody';
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
