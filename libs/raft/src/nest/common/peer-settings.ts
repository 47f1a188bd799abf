import type { FounderOptions } from '../../runtime/options/raft-node-options';
import { HOW_TO_PROTECT, isExposed } from '../../runtime/options/peer-security';
import { protectionOf } from '../../transport/tcp';
import { address, refuse, show } from './option-checks';
import type { RaftModuleOptions, RaftPeersOptions } from './raft-module-options.interface';

/** Where this node listens and is reached, and how its peers prove themselves. */
export type PeerSettings = RaftPeersOptions & { readonly listen: string; readonly advertise: string };

/** `Record<keyof …>` makes a forgotten name a compile error. A misspelt secret would be none. */
const PEERS_NAMES: Readonly<Record<keyof RaftPeersOptions, true>> = {
  listen: true,
  advertise: true,
  secret: true,
  secretFile: true,
  tls: true,
  insecure: true,
  clients: true,
  maxFrameBytes: true,
  maxConnections: true,
  credentialsCheckMs: true,
  helloTimeoutMs: true,
};

/** @returns null where no port is opened, as there is nobody to talk to @throws RaftError `RAFT_CONFIGURATION` */
export function checkedPeers(
  options: RaftModuleOptions,
  members: readonly FounderOptions[] | undefined,
  own: FounderOptions | undefined,
): PeerSettings | null {
  if (options.peers === undefined && (members === undefined || members.length === 1)) return null;
  for (const name of Object.keys(options.peers ?? {}))
    if (!Object.hasOwn(PEERS_NAMES, name))
      refuse(`peers.${name} is no option. Write one of ${Object.keys(PEERS_NAMES).join(', ')}.`);
  const { listen = own?.peer, advertise = own?.peer, ...transport } = options.peers ?? {};
  if (listen === undefined)
    refuse(
      "peers.listen is not given, and no entry of members says where this node is: write peers: { listen: '0.0.0.0:7001', advertise: 'host:7001' }.",
    );
  return {
    listen: address('peers.listen', listen, 0),
    advertise: address('peers.advertise', advertise ?? listen),
    ...transport,
  };
}

/**
 * Where peers prove nothing, everybody who reaches the peer port is one. So nothing of it is to be elsewhere than on this machine.
 *
 * @throws RaftError `RAFT_CONFIGURATION` names the first address that is, and what to set
 */
export function requireLocalWherePeersProveNothing(
  peers: PeerSettings,
  members: readonly FounderOptions[] | undefined,
  join: readonly string[],
): void {
  const protection = protectionOf(peers);
  const addresses: readonly (readonly [string, string])[] = [
    ['peers.listen', peers.listen],
    ['peers.advertise', peers.advertise],
    ...(members ?? []).map(({ peer }, at) => [`members[${at}].peer`, peer] as const),
    ...join.map((each, at) => [`join[${at}]`, each] as const),
  ];
  const exposed = addresses.find(([, each]) => isExposed(protection, each));
  if (exposed === undefined) return;
  const [name, each] = exposed;
  const tls =
    peers.tls === undefined
      ? ''
      : ' peers.tls has no ca by which peers would be checked: it encrypts, and lets in everybody.';
  refuse(
    `${name} is ${show(each)}, which isn't certainly this machine, and peers prove nothing: everybody who reaches the peer port could read and write everything.${tls} ${HOW_TO_PROTECT}.`,
  );
}
