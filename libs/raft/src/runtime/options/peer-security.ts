import type { SecurityMode, SecurityStatus } from '../status/security-status';
import type { Configuration } from '../../core/base/configuration';
import { RaftError } from '../../errors/raft-error';
import type { TransportProtection } from '../../transport/contract';
import { isLocalAddress } from '../../transport/local-host';
import type { RaftLogger } from '../base/logger';

const ANYTHING = 'may do anything: read and write all data, change the members';

const DETAILS: Readonly<Record<SecurityMode, string>> = {
  secret: 'Peers prove that they know the secret. What they say is not encrypted.',
  tls: 'Peers show a certificate of a known authority. What they say is encrypted.',
  'tls+secret':
    'Peers show a certificate of a known authority and prove that they know the secret. What they say is encrypted.',
  private: 'The transport lets in no strangers.',
  loopback: `Peers prove nothing: there is no secret. Only this machine reaches the peer port, and every local user ${ANYTHING}.`,
  insecure: `Peers prove nothing, and other machines are admitted (insecure): everybody who reaches the peer port ${ANYTHING}.`,
};

const PROTECT = 'Set peers.secret or peers.secretFile to the same on all nodes, or peers.tls with ca';
/** What makes members elsewhere possible; the end of every sentence that refuses one. */
export const HOW_TO_PROTECT = `${PROTECT}; peers.insecure: true lets everybody in`;

/** The reason of `RAFT_REJECTED` for a member on another machine, where peers prove nothing. */
export const PEERS_UNPROTECTED = 'PEERS_UNPROTECTED';

export function securityOf(protection: TransportProtection = 'none'): SecurityStatus {
  const mode = protection === 'none' ? 'loopback' : protection;
  return { mode, detail: DETAILS[mode] };
}

/** @returns whether peers prove nothing, and this address isn't certainly on this machine */
export function isExposed(protection: TransportProtection | undefined, address: string): boolean {
  return (protection ?? 'none') === 'none' && !isLocalAddress(address);
}

/** @returns the member of a configuration that peers who prove nothing must not have; undefined where there is none */
export function exposedMember(
  protection: TransportProtection | undefined,
  { members }: Configuration,
): { readonly name: string; readonly peer: string } | undefined {
  return members.find(({ peer }) => isExposed(protection, peer));
}

/**
 * @throws RaftError `RAFT_REJECTED` with the reason `PEERS_UNPROTECTED`: the member is on another machine, and peers prove nothing
 */
export function requireProtected(
  protection: TransportProtection | undefined,
  { name, peer }: { readonly name: string; readonly peer: string },
  nodeId: string,
): void {
  if (!isExposed(protection, peer)) return;
  throw new RaftError(
    'RAFT_REJECTED',
    `'${name}' is at ${peer}, which isn't on this machine, and '${nodeId}' asks its peers for no secret: everybody who reaches its peer ` +
      `port could do anything. Nothing was changed. ${HOW_TO_PROTECT}.`,
    { reason: PEERS_UNPROTECTED },
  );
}

/** At each start: where this node listens for peers, and who may come. */
export function logSecurity(logger: RaftLogger, protection: TransportProtection | undefined, listening: string): void {
  const { mode, detail } = securityOf(protection);
  if (mode === 'private') return;
  const sentence = `Listens for peers on ${listening}. ${detail}`;
  if (mode === 'insecure') logger.warn(`${sentence} ${PROTECT}.`);
  else logger.log(sentence);
}

/** The log says who is a member, and the leader may have options that let it be on another machine. */
export function warnOfExposed(
  logger: RaftLogger,
  protection: TransportProtection | undefined,
  configuration: Configuration,
): void {
  const exposed = exposedMember(protection, configuration);
  if (exposed !== undefined)
    logger.warn(
      `The membership has '${exposed.name}' at ${exposed.peer}, which isn't on this machine, and this node asks its peers for no ` +
        `secret: it will refuse to start again. ${HOW_TO_PROTECT}.`,
    );
}
