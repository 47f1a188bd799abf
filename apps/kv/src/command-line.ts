import path from 'node:path';
import { parseArgs } from 'node:util';
import { ADMIN_FLAGS, ADMIN_USAGE, type AdminSettings, adminSettingsOf } from './access/admin-flags';
import { PEER_FLAGS, PEER_USAGE, peerHostOf, type PeerProof, peerProofOf, requireLocal } from './access/peer-flags';
import { CommandLineError } from './command-line.error';
import { findSelf, type FounderAddress, parseFounders } from './founders';
import { formatHostPort, type HostPort, isWildcard, parseHostPort, peerPortOf } from './host-port';

export type StorageChoice = 'embedded' | 'postgres' | 'memory';
export type OnFollower = 'redirect' | 'forward' | 'reject';

/** A node of the sample app, as its command line says it. */
export interface NodeSettings extends AdminSettings {
  readonly id: string;
  readonly listen: HostPort;
  readonly peerListen: HostPort;
  readonly peerProof: PeerProof;
  readonly founders: readonly FounderAddress[];
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly storage: StorageChoice;
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  readonly forceBootstrap: boolean;
  /** What a founder does whose store is empty while its cluster exists. */
  readonly onEmptyStore: 'refuse' | 'rejoin';
  /** The peer address of a member to join through; undefined: this node is a founder. */
  readonly join: string | undefined;
  readonly joinAs: 'voter' | 'learner';
  readonly snapshotAfterEntries: number | undefined;
  readonly snapshotAfterBytes: number | undefined;
  /** The share of the election time-out that a lease lasts; undefined: `consistency=lease` asks the others as any read does. */
  readonly leaseReads: number | undefined;
  readonly onFollower: OnFollower;
  /** Undefined: 302, or 307 where the request has a body. */
  readonly redirectStatus: 302 | 307 | 308 | undefined;
  readonly debug: boolean;
}

export const USAGE = `Usage: node dist/apps/kv/main.js [options]

  --listen-url HOST:PORT               HTTP address to listen on; peers on PORT + 10000 (default 0.0.0.0:9023)
  --initial-advertise-peers LIST       founders' HTTP addresses, this one included, the same list everywhere:
                                       [ID=]HOST:PORT[/PEERPORT],… (default: this node alone)
  --join-url HOST:PORT[/PEERPORT]      join a running cluster through any of its members, by its HTTP address
  --join-as voter|learner              with --join-url (default voter: once it has caught up)
  --advertise-url HOST:PORT[/PEERPORT] how others reach this node
  --id NAME                            which of the founders this node is
  --heartbeat-interval MS              default 100
  --election-timeout MS                default 1000
  --storage embedded|postgres|memory   default embedded, or postgres where --database-url is given
  --database-url URL                   with --storage postgres
  --data-dir DIR                       with --storage embedded (default .raft/ID)
  --force-bootstrap                    found the cluster with a majority of the founders
  --on-empty-store refuse|rejoin       what a founder does that has lost its disk (default: KV_ON_EMPTY_STORE, or refuse)
  --on-follower redirect|forward|reject    what a follower does with a request for the leader (default redirect)
  --redirect-status 302|307|308        default 302, or 307 where the request has a body
${PEER_USAGE}${ADMIN_USAGE}  --snapshot-entries N                 a snapshot after so many entries (default 100000)
  --snapshot-bytes N                   or after so many bytes of entries (default 67108864)
  --lease-reads SHARE                  ?consistency=lease asks nobody for this share of the election time-out, 0.5 to
                                       0.95, which is safe where clocks drift by less than the rest (default: off)
  --debug                              more in the log
  --help

Exit codes: 0 stopped in order, 1 failed, 2 wrong arguments, 3 this node was removed from the cluster.
`;

const FLAGS = {
  'listen-url': { type: 'string', default: '0.0.0.0:9023' },
  'initial-advertise-peers': { type: 'string' },
  'advertise-url': { type: 'string' },
  id: { type: 'string' },
  'heartbeat-interval': { type: 'string', default: '100' },
  'election-timeout': { type: 'string', default: '1000' },
  storage: { type: 'string' },
  'database-url': { type: 'string' },
  'data-dir': { type: 'string' },
  'force-bootstrap': { type: 'boolean', default: false },
  'on-empty-store': { type: 'string' },
  'on-follower': { type: 'string', default: 'redirect' },
  'redirect-status': { type: 'string' },
  'join-url': { type: 'string' },
  'join-as': { type: 'string', default: 'voter' },
  ...PEER_FLAGS,
  ...ADMIN_FLAGS,
  'snapshot-entries': { type: 'string' },
  'snapshot-bytes': { type: 'string' },
  'lease-reads': { type: 'string' },
  debug: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/**
 * @param args what follows the program's name
 * @returns the settings, or `help` where that was asked for
 * @throws CommandLineError with a sentence that names the flag, the value and what it should be
 */
export function parseCommandLine(args: readonly string[]): NodeSettings | 'help' {
  const values = readFlags(args);
  if (values.help) return 'help';
  const listen = parseHostPort('--listen-url', values['listen-url']);
  const [advertiseUrl, peerPort] = values['advertise-url']?.split('/') ?? [];
  const advertise = optional(advertiseUrl, (text) => parseHostPort('--advertise-url', text));
  if (values['join-url'] !== undefined && values['initial-advertise-peers'] !== undefined)
    throw new CommandLineError('--join-url: a node that joins founds no cluster; leave --initial-advertise-peers out');
  const { founders, self } = membersOf(values['initial-advertise-peers'], {
    id: values.id,
    advertise,
    listen,
    peerPort,
  });
  const peerProof = peerProofOf(values, process.env);
  const whereSelfIs = advertise === undefined ? '--listen-url' : '--advertise-url';
  for (const { http } of founders)
    requireLocal(
      values['initial-advertise-peers'] === undefined ? whereSelfIs : '--initial-advertise-peers',
      http,
      peerProof,
    );
  const heartbeatIntervalMs = milliseconds('--heartbeat-interval', values['heartbeat-interval'], 10, 60_000);
  const electionTimeoutMs = milliseconds('--election-timeout', values['election-timeout'], 50, 600_000);
  if (electionTimeoutMs < 5 * heartbeatIntervalMs)
    throw new CommandLineError(
      `--election-timeout: ${electionTimeoutMs} ms is less than five times --heartbeat-interval (${heartbeatIntervalMs} ms); a single late heartbeat would start an election`,
    );
  return {
    id: self.id,
    listen,
    peerListen: { host: peerHostOf(listen, self.http, peerProof), port: self.peerPort },
    peerProof,
    founders,
    heartbeatIntervalMs,
    electionTimeoutMs,
    ...storageOf(values),
    dataDir: path.resolve(values['data-dir'] ?? path.join('.raft', self.id.replaceAll(/[^A-Za-z0-9._-]/g, '_'))),
    forceBootstrap: values['force-bootstrap'],
    onEmptyStore: onEmptyStoreOf(values['on-empty-store'], process.env['KV_ON_EMPTY_STORE']),
    join: optional(values['join-url'], (text) => joinAddress(text, peerProof)),
    joinAs: oneOf('--join-as', values['join-as'], ['voter', 'learner']),
    ...adminSettingsOf(values, process.env),
    snapshotAfterEntries: optional(values['snapshot-entries'], (text) => count('--snapshot-entries', text)),
    snapshotAfterBytes: optional(values['snapshot-bytes'], (text) => count('--snapshot-bytes', text)),
    leaseReads: optional(values['lease-reads'], leaseShare),
    onFollower: oneOf('--on-follower', values['on-follower'], ['redirect', 'forward', 'reject']),
    redirectStatus: optional(
      values['redirect-status'],
      (text) => Number(oneOf('--redirect-status', text, ['302', '307', '308'])) as 302 | 307 | 308,
    ),
    debug: values.debug,
  };
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new CommandLineError(error instanceof Error ? error.message : String(error));
  }
}

function membersOf(
  list: string | undefined,
  said: {
    readonly id: string | undefined;
    readonly advertise: HostPort | undefined;
    readonly listen: HostPort;
    readonly peerPort: string | undefined;
  },
): { readonly founders: readonly FounderAddress[]; readonly self: FounderAddress } {
  if (list !== undefined) {
    const founders = parseFounders(list);
    return { founders, self: findSelf(founders, said) };
  }
  const reachable = isWildcard(said.listen.host) ? { host: '127.0.0.1', port: said.listen.port } : said.listen;
  const http = said.advertise ?? reachable;
  const self = { id: said.id ?? formatHostPort(http), http, peerPort: ownPeerPort(said.peerPort, said.listen) };
  return { founders: [self], self };
}

function ownPeerPort(text: string | undefined, listen: HostPort): number {
  if (text === undefined) return peerPortOf('--listen-url', listen);
  return parseHostPort('--advertise-url', `localhost:${text}`).port;
}

/** A member is named as clients reach it; its peer port is 10000 higher, unless it is said. */
function joinAddress(text: string, proof: PeerProof): string {
  const [, url = text, port] = /^(?:https?:\/\/)?([^/]+)(?:\/(\d+))?\/?$/.exec(text) ?? [];
  const member = parseHostPort('--join-url', url);
  requireLocal('--join-url', member, proof);
  return formatHostPort({
    host: member.host,
    port: port === undefined ? peerPortOf('--join-url', member) : Number(port),
  });
}

function onEmptyStoreOf(flag: string | undefined, variable: string | undefined): 'refuse' | 'rejoin' {
  const choices = ['refuse', 'rejoin'] as const;
  if (flag !== undefined) return oneOf('--on-empty-store', flag, choices);
  return oneOf('KV_ON_EMPTY_STORE', variable === undefined || variable === '' ? 'refuse' : variable, choices);
}

function count(flag: string, text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new CommandLineError(`${flag}: "${text}" isn't a whole number above 0`);
  return Number(text);
}

function leaseShare(text: string): number {
  const share = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || share < 0.5 || share > 0.95)
    throw new CommandLineError(`--lease-reads: "${text}" isn't a share of the election time-out from 0.5 to 0.95`);
  return share;
}

function storageOf(values: ReturnType<typeof readFlags>): Pick<NodeSettings, 'storage' | 'databaseUrl'> {
  const databaseUrl = values['database-url'];
  const fallback = databaseUrl === undefined ? 'embedded' : 'postgres';
  const storage = oneOf('--storage', values.storage ?? fallback, ['embedded', 'postgres', 'memory']);
  if (storage !== 'postgres' && databaseUrl !== undefined)
    throw new CommandLineError(`--database-url goes with --storage postgres, not with ${storage}`);
  if (storage !== 'postgres') return { storage, databaseUrl: undefined };
  if (databaseUrl === undefined)
    throw new CommandLineError('--storage postgres needs --database-url postgres://USER:PASSWORD@HOST:PORT/DATABASE');
  if (!/^postgres(ql)?:\/\/./.test(databaseUrl) || !URL.canParse(databaseUrl))
    throw new CommandLineError('--database-url: this is no URL such as postgres://USER:PASSWORD@HOST:PORT/DATABASE');
  return { storage, databaseUrl };
}

function milliseconds(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new CommandLineError(`${flag}: "${text}" isn't a whole number of milliseconds from ${least} to ${most}`);
  return value;
}

function oneOf<const T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((each) => each === text);
  if (choice === undefined) throw new CommandLineError(`${flag}: "${text}" is none of ${choices.join(', ')}`);
  return choice;
}

function optional<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text);
}
