import { accessSync, constants } from 'node:fs';
import { isLocalHost } from 'nestjs-raft';
import { CommandLineError } from '../command-line.error';
import { flagOf } from './flag-of';
import type { HostPort } from '../host-port';

export const PEER_FLAGS = {
  'peer-secret-file': { type: 'string' },
  'peer-cert': { type: 'string' },
  'peer-key': { type: 'string' },
  'peer-ca': { type: 'string' },
  'insecure-peers': { type: 'boolean' },
} as const;

export const PEER_USAGE = `  --peer-secret-file FILE              peers prove that they know the secret in it, the same on all nodes; without it and
                                       without --peer-ca the nodes are on this machine alone (KV_PEER_SECRET_FILE)
  --peer-cert FILE, --peer-key FILE    this node's certificate and its key, for TLS between peers (KV_PEER_CERT,
                                       KV_PEER_KEY)
  --peer-ca FILE                       by which peers' certificates are checked (KV_PEER_CA)
  --insecure-peers                     nodes elsewhere without any of these: everybody who reaches the peer port may do anything
                                       (KV_INSECURE_PEERS=true)
`;

/** How peers prove themselves, as `RaftModule` takes it. */
export interface PeerProof {
  readonly secretFile?: string;
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  readonly insecure?: true;
}

type PeerFlag = 'peer-secret-file' | 'peer-cert' | 'peer-key' | 'peer-ca';
type PeerValues = Readonly<Partial<Record<PeerFlag, string | undefined>>> & {
  readonly 'insecure-peers'?: boolean | undefined;
};

/**
 * A flag goes before its variable.
 *
 * @throws CommandLineError where they contradict each other, one lacks its other half, or a file can't be read
 */
export function peerProofOf(values: PeerValues, environment: NodeJS.ProcessEnv): PeerProof {
  const file = (flag: PeerFlag): string | undefined => {
    const variable = `KV_${flag.replaceAll('-', '_').toUpperCase()}`;
    const path = values[flag] ?? (environment[variable] || undefined);
    if (path !== undefined) requireReadable(values[flag] === undefined ? variable : `--${flag}`, path);
    return path;
  };
  const secretFile = file('peer-secret-file');
  const [certFile, keyFile, caFile] = [file('peer-cert'), file('peer-key'), file('peer-ca')];
  const insecure = values['insecure-peers'] ?? flagOf('KV_INSECURE_PEERS', environment['KV_INSECURE_PEERS']);
  const some = certFile ?? keyFile ?? caFile;
  if (some !== undefined && (certFile === undefined || keyFile === undefined || caFile === undefined))
    throw new CommandLineError('--peer-cert, --peer-key and --peer-ca go together: give all three');
  if (insecure && (secretFile ?? some) !== undefined)
    throw new CommandLineError(
      '--insecure-peers lets everybody in, and peers are to prove themselves: say one of the two',
    );
  return {
    ...(secretFile !== undefined && { secretFile }),
    ...(certFile !== undefined && { tls: { certFile, keyFile: keyFile!, caFile: caFile! } }),
    ...(insecure && { insecure }),
  };
}

/** Whether peers prove nothing, and nobody has said that this is all right. */
export function isUnprotected(proof: PeerProof): boolean {
  return Object.keys(proof).length === 0;
}

/**
 * @param flag which says where that node is
 * @throws CommandLineError peers prove nothing, and the node isn't on this machine
 */
export function requireLocal(flag: string, { host, port }: HostPort, proof: PeerProof): void {
  if (!isUnprotected(proof) || isLocalHost(host)) return;
  throw new CommandLineError(
    `${flag}: ${host}:${port} isn't certainly this machine, and peers prove nothing: everybody who reaches a peer port could read and write ` +
      'everything. Give every node --peer-secret-file, or --peer-cert, --peer-key and --peer-ca; --insecure-peers lets everybody in',
  );
}

/**
 * Where to listen for peers: where HTTP listens; but only this machine is to reach a port at which nobody proves anything.
 *
 * @param advertised where others reach this node
 */
export function peerHostOf(listen: HostPort, advertised: HostPort, proof: PeerProof): string {
  if (!isUnprotected(proof) || isLocalHost(listen.host)) return listen.host;
  return isLocalHost(advertised.host) && advertised.host.toLowerCase() !== 'localhost' ? advertised.host : '127.0.0.1';
}

function requireReadable(name: string, path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new CommandLineError(`${name}: ${path} can't be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
