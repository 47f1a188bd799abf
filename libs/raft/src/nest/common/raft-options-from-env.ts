import { RaftError } from '../../errors/raft-error';
import type { FounderOptions } from '../../runtime/options/raft-node-options';
import type { OnFollower } from './leader-only.interface';
import type { RaftModuleOptions, RaftPeersOptions } from './raft-module-options.interface';

/**
 * Reads the module's options from environment variables, to be spread beside what can't be written there:
 * `RaftModule.forRoot({ ...raftOptionsFromEnv(), storage: typeOrmStorage({ url: process.env.DATABASE_URL }) })`.
 *
 * | variable | option |
 * |---|---|
 * | `RAFT_NODE_ID` | `nodeId` |
 * | `RAFT_JOIN`, `RAFT_JOIN_AS`, `RAFT_HTTP` | `join`, as `host:port` with commas between, `joinAs`, `http` |
 * | `RAFT_CLUSTER_NAME` | `clusterName` |
 * | `RAFT_MEMBERS` | `members`, as `id=host:port` or `id=host:port=http://host:port`, with commas between |
 * | `RAFT_PEERS_LISTEN`, `RAFT_PEERS_ADVERTISE` | `peers.listen`, `peers.advertise` |
 * | `RAFT_PEERS_SECRET_FILE`, `RAFT_PEERS_SECRET` | `peers.secretFile`, `peers.secret` |
 * | `RAFT_PEERS_TLS_KEY_FILE`, `RAFT_PEERS_TLS_CERT_FILE`, `RAFT_PEERS_TLS_CA_FILE` | `peers.tls`: `keyFile`, `certFile`, `caFile` |
 * | `RAFT_PEERS_INSECURE` | `peers.insecure`: `true` or `false` |
 * | `RAFT_REQUEST_TIMEOUT_MS`, `RAFT_SHUTDOWN_TIMEOUT_MS` | `requestTimeoutMs`, `shutdownTimeoutMs` |
 * | `RAFT_ELECTION_TIMEOUT_MS`, `RAFT_ELECTION_HEARTBEAT_INTERVAL_MS` | `election` |
 * | `RAFT_LEASE_READS_DRIFT_MARGIN` | `leaseReads.driftMargin` |
 * | `RAFT_LEADER_ONLY_ON_FOLLOWER`, `RAFT_LEADER_ONLY_STATUS` | `leaderOnly` |
 * | `RAFT_HTTP_ERRORS`, `RAFT_FORCE_BOOTSTRAP` | `httpErrors`, `forceBootstrap`: `true` or `false` |
 * | `RAFT_ON_EMPTY_STORE` | `onEmptyStore`: `refuse` or `rejoin` |
 *
 * A variable that is absent or empty leaves its option out.
 *
 * @param env default `process.env`
 * @throws RaftError `RAFT_CONFIGURATION`, in a sentence that names the variable, its value and the remedy
 */
export function raftOptionsFromEnv(env: Readonly<Record<string, string | undefined>> = process.env): RaftModuleOptions {
  const text = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const number = (name: string): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    return /^\d+(\.\d+)?$/.test(value) ? Number(value) : refuse(name, value, 'write a number');
  };
  const flag = (name: string): boolean | undefined => {
    const value = text(name);
    if (value === undefined || value === 'true' || value === 'false')
      return value === undefined ? undefined : value === 'true';
    return refuse(name, value, 'write true or false');
  };
  const members = text('RAFT_MEMBERS');
  const driftMargin = number('RAFT_LEASE_READS_DRIFT_MARGIN');
  return withoutUndefined<RaftModuleOptions>({
    nodeId: text('RAFT_NODE_ID'),
    clusterName: text('RAFT_CLUSTER_NAME'),
    join: text('RAFT_JOIN')
      ?.split(',')
      .map((each) => each.trim()),
    joinAs: text('RAFT_JOIN_AS') as 'voter' | 'learner' | undefined,
    http: text('RAFT_HTTP'),
    members: members === undefined ? undefined : parseMembers(members),
    peers: someOf<RaftPeersOptions>({
      listen: text('RAFT_PEERS_LISTEN'),
      advertise: text('RAFT_PEERS_ADVERTISE'),
      secret: text('RAFT_PEERS_SECRET'),
      secretFile: text('RAFT_PEERS_SECRET_FILE'),
      tls: tlsFiles(text),
      insecure: flag('RAFT_PEERS_INSECURE'),
    }),
    requestTimeoutMs: number('RAFT_REQUEST_TIMEOUT_MS'),
    shutdownTimeoutMs: number('RAFT_SHUTDOWN_TIMEOUT_MS'),
    election: someOf({
      timeoutMs: number('RAFT_ELECTION_TIMEOUT_MS'),
      heartbeatIntervalMs: number('RAFT_ELECTION_HEARTBEAT_INTERVAL_MS'),
    }),
    leaseReads: driftMargin === undefined ? undefined : { driftMargin },
    // The values are checked with the module's other options.
    leaderOnly: someOf({
      onFollower: text('RAFT_LEADER_ONLY_ON_FOLLOWER') as OnFollower | undefined,
      status: number('RAFT_LEADER_ONLY_STATUS') as 302 | 307 | 308 | undefined,
    }),
    httpErrors: flag('RAFT_HTTP_ERRORS'),
    forceBootstrap: flag('RAFT_FORCE_BOOTSTRAP'),
    onEmptyStore: text('RAFT_ON_EMPTY_STORE') as 'refuse' | 'rejoin' | undefined,
  });
}

function parseMembers(list: string): readonly FounderOptions[] {
  return list.split(',').map((item) => {
    const parts = /^\s*([^=\s]+)=([^=\s]+)(?:=(\S+))?\s*$/.exec(item);
    const [, id, peer, http = ''] = parts ?? [];
    if (id === undefined || peer === undefined)
      return refuse(
        'RAFT_MEMBERS',
        list,
        "write every founder as id=host:port=http://host:port, with commas between, such as 'n1=10.0.0.1:7001=http://10.0.0.1:3000'",
      );
    return { id, peer, http };
  });
}

function tlsFiles(text: (name: string) => string | undefined): RaftPeersOptions['tls'] {
  const files = ['RAFT_PEERS_TLS_KEY_FILE', 'RAFT_PEERS_TLS_CERT_FILE', 'RAFT_PEERS_TLS_CA_FILE'] as const;
  const missing = files.find((name) => text(name) === undefined);
  if (missing !== undefined && files.every((name) => text(name) === undefined)) return undefined;
  if (missing !== undefined) return refuse(missing, '', `${files.join(', ')} go together: name all three files`);
  const [keyFile, certFile, caFile] = files.map(text) as [string, string, string];
  return { keyFile, certFile, caFile };
}

/** @returns the object without the properties that are undefined: they would overwrite what they are spread over */
function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

function someOf<T extends object>(object: T): T | undefined {
  const some = withoutUndefined(object);
  return Object.keys(some).length === 0 ? undefined : some;
}

function refuse(name: string, value: string, remedy: string): never {
  throw new RaftError('RAFT_CONFIGURATION', `The environment variable ${name} is ${JSON.stringify(value)}: ${remedy}.`);
}
