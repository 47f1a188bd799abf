import type { TransportProtection } from '../../contract';
import type { PeerTlsOptions } from './peer-tls-options';

/** What of the options of a TCP transport keeps strangers out. */
export interface PeerDefence {
  readonly secret?: string | readonly string[] | undefined;
  readonly secretFile?: string | undefined;
  readonly tls?: PeerTlsOptions | undefined;
  readonly insecure?: boolean | undefined;
}

/** How the peers of these options prove themselves. It reads no file. */
export function protectionOf({ secret, secretFile, tls, insecure }: PeerDefence): TransportProtection {
  const asksForSecret = secret !== undefined || secretFile !== undefined;
  if (tls !== undefined && asksForCertificate(tls)) return asksForSecret ? 'tls+secret' : 'tls';
  if (asksForSecret) return 'secret';
  return insecure === true ? 'insecure' : 'none';
}

/** How nodes prove themselves to a client of these options: without `ca`, the system's authorities say who a node is. */
export function clientProtectionOf({ secret, secretFile, tls, insecure }: PeerDefence): TransportProtection {
  const asksForSecret = secret !== undefined || secretFile !== undefined;
  const checksNodes = tls !== undefined && tls.rejectUnauthorized !== false;
  if (checksNodes) return asksForSecret ? 'tls+secret' : 'tls';
  if (asksForSecret) return 'secret';
  return insecure === true ? 'insecure' : 'none';
}

/** TLS alone encrypts, for strangers too: it keeps them out where they have to show a certificate of an authority. */
function asksForCertificate({ ca, caFile, requestCert, rejectUnauthorized }: PeerTlsOptions): boolean {
  return (ca !== undefined || caFile !== undefined) && requestCert !== false && rejectUnauthorized !== false;
}
