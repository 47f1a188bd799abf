import type { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { parseAddress } from '../options/address';
import type { ClientAdmission } from '../options/tcp-transport-options';

/** What can stand in a certificate as a DNS name; a leading dot would mean "anything below" to the check. */
const DNS_NAME = /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/i;

/** Names are those of the certificate (SAN); its common name doesn't count. A wildcard stands for one label. */
const STRICTLY = {
  subject: 'never',
  partialWildcards: false,
  multiLabelWildcards: false,
  singleLabelSubdomains: false,
} as const;

export interface ExpectedPeer {
  readonly nodeName: string;
  /** Addresses, `host:port`, of which the certificate may name the host. */
  readonly addresses: readonly string[];
}

/**
 * @returns the sentence for a peer whose certificate names, as DNS or IP name, neither the host of an address at which the peer
 *   is expected, nor its node name. It says nothing about this node
 */
export function certificateRefusal(socket: Socket, { nodeName, addresses }: ExpectedPeer): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const certificate = verifiedCertificate(socket);
  const hosts = addresses.map((address) => parseAddress(address)?.host ?? '').filter((host) => host !== '');
  const names = [...new Set([...hosts, nodeName])].filter((name) => name !== '');
  if (certificate !== undefined && names.some((name) => isNamed(certificate, name))) return undefined;
  return (
    `your certificate names ${shownNames(certificate)}, and none of ${quoted(names)}: give it the host or the node's name as ` +
    'a subject alternative name (DNS or IP), or set `peers.tls.requireNodeName` to false'
  );
}

/** @returns the sentence for a client whose certificate names nobody that may be one, where that is checked */
export function clientCertificateRefusal(socket: Socket, { names }: ClientAdmission): string | undefined {
  if (names === undefined) return undefined;
  const certificate = socket instanceof TLSSocket ? verifiedCertificate(socket) : undefined;
  if (certificate !== undefined && names.some((name) => isClientNamed(certificate, name))) return undefined;
  return `your certificate names ${shownNames(certificate)}, and none of them may be a client here (\`peers.clients.names\`)`;
}

/** Only what an authority that this node knows vouches for. */
function verifiedCertificate(socket: TLSSocket): X509Certificate | undefined {
  return socket.authorized ? socket.getPeerX509Certificate() : undefined;
}

function isNamed(certificate: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined;
  return DNS_NAME.test(name) && certificate.checkHost(name, STRICTLY) !== undefined;
}

/** A client has no host, so its certificate often has a common name alone; the list says which ones count. */
function isClientNamed(certificate: X509Certificate, name: string): boolean {
  const exactly = { ...STRICTLY, wildcards: false } as const;
  return (
    (DNS_NAME.test(name) && certificate.checkHost(name, exactly) !== undefined) ||
    certificate.toLegacyObject().subject.CN === name
  );
}

function shownNames(certificate: X509Certificate | undefined): string {
  if (certificate === undefined) return 'nothing that an authority of this node vouches for';
  return certificate.subjectAltName === undefined ? 'nobody' : `'${certificate.subjectAltName}'`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
