import type { GroupId } from '../../core/base/types';
import type { CallTracer } from '../../runtime/events/call-tracer';
import type { FounderOptions, RaftLimits } from '../../runtime/options/raft-node-options';
import type { SnapshotOptions } from '../../runtime/options/snapshot-options';
import type { RaftStorage } from '../../storage/contract';
import type { RaftTransport } from '../../transport/contract';
import { ON_FOLLOWER, REDIRECT_STATUSES, type LeaderOnlyPolicy } from './leader-only.interface';
import { address, flag, milliseconds, origin, positiveInteger, refuse, show } from './option-checks';
import { checkedPeers, type PeerSettings, requireLocalWherePeersProveNothing } from './peer-settings';
import type { RaftModuleOptions, RaftPart } from './raft-module-options.interface';

/** The module's options, checked, with every default that doesn't need the runtime. */
export interface RaftSettings {
  readonly group: GroupId;
  readonly nodeId: string;
  readonly clusterName: string;
  readonly members: readonly FounderOptions[];
  /** Null: no port is opened, as there is nobody to talk to. */
  readonly peers: PeerSettings | null;
  readonly storage: RaftPart<RaftStorage> | undefined;
  readonly transport: RaftPart<RaftTransport> | undefined;
  readonly requestTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly electionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly limits: Partial<RaftLimits>;
  readonly leaseReads: { readonly driftMargin: number } | null;
  readonly httpErrors: boolean;
  readonly leaderOnly: Required<LeaderOnlyPolicy>;
  readonly forceBootstrap: boolean;
  readonly onEmptyStore: 'refuse' | 'rejoin';
  readonly join: readonly string[];
  readonly joinAs: 'voter' | 'learner';
  readonly http: string;
  readonly snapshots: Partial<SnapshotOptions>;
  readonly tracer: CallTracer | undefined;
  readonly checkDeterminism: boolean;
}

/** `Record<keyof …>` makes a forgotten name a compile error. */
const OPTION_NAMES: Readonly<Record<keyof RaftModuleOptions, true>> = {
  nodeId: true,
  clusterName: true,
  members: true,
  peers: true,
  storage: true,
  transport: true,
  requestTimeoutMs: true,
  shutdownTimeoutMs: true,
  election: true,
  limits: true,
  leaseReads: true,
  httpErrors: true,
  leaderOnly: true,
  forceBootstrap: true,
  onEmptyStore: true,
  join: true,
  joinAs: true,
  http: true,
  snapshots: true,
  tracer: true,
  checkDeterminism: true,
};

/** Where there is one member and no address was given. Nothing listens there. */
const NO_PEERS_ADDRESS = 'localhost:1';

/**
 * Checks the options that `forRoot` or a factory gave.
 *
 * @throws RaftError `RAFT_CONFIGURATION`, in a sentence that names the option, its value and the remedy
 */
export function raftSettings(options: RaftModuleOptions, group: GroupId): RaftSettings {
  if (typeof options !== 'object' || options === null)
    refuse(
      `the options are ${show(options)}: forRootAsync's factory must return an object; return {} for one node in memory.`,
    );
  for (const name of Object.keys(options))
    if (!Object.hasOwn(OPTION_NAMES, name))
      refuse(`${name} is no option. Write one of ${Object.keys(OPTION_NAMES).join(', ')}.`);
  const members = checkedMembers(options.members);
  const nodeId = options.nodeId ?? (members === undefined ? 'node1' : refuse(missingNodeId(members)));
  if (typeof nodeId !== 'string' || nodeId.trim() === '')
    refuse(`nodeId is ${show(nodeId)}: give this node's name, such as 'n1'.`);
  const own = members?.find((member) => member.id === nodeId);
  if (members !== undefined && own === undefined)
    refuse(
      `nodeId is ${show(nodeId)}, which is not among the members (${names(members)}). Set nodeId to the one that this process is, or add { id: ${show(nodeId)}, peer: 'host:port' } to members on every node.`,
    );
  if (members !== undefined && members.length > 1 && options.storage === undefined)
    refuse(
      `storage is not given, and there are ${members.length} members (${names(members)}): a member that forgets its vote when it restarts can lose what the others committed. Write storage: typeOrmStorage({ url: process.env.DATABASE_URL }) from 'nestjs-raft/typeorm'.`,
    );
  const clusterName = options.clusterName ?? 'raft';
  if (typeof clusterName !== 'string' || clusterName.trim() === '')
    refuse(`clusterName is ${show(clusterName)}: give a name that is the same on every node, such as 'shop'.`);
  const peers = checkedPeers(options, members, own);
  const join = checkedJoin(options);
  if (options.transport === undefined && peers !== null) requireLocalWherePeersProveNothing(peers, members, join);
  const election = checkedElection(options.election);
  const single: FounderOptions = {
    id: nodeId,
    peer: peers?.advertise ?? NO_PEERS_ADDRESS,
    http: origin('http', options.http),
  };
  return {
    group,
    nodeId,
    clusterName,
    members: members ?? [single],
    peers,
    storage: checkedPart('storage', options.storage, ['open', 'load', 'persist', 'close']),
    transport: checkedPart('transport', options.transport, ['start', 'connect', 'send', 'stop']),
    requestTimeoutMs: milliseconds('requestTimeoutMs', options.requestTimeoutMs, 10_000),
    shutdownTimeoutMs: milliseconds('shutdownTimeoutMs', options.shutdownTimeoutMs, 5_000),
    ...election,
    limits: checkedLimits(options.limits),
    leaseReads: checkedLeaseReads(options.leaseReads),
    httpErrors: flag('httpErrors', options.httpErrors, true),
    leaderOnly: leaderOnlyPolicy('leaderOnly', options.leaderOnly ?? {}, { onFollower: 'reject', status: 307 }),
    forceBootstrap: flag('forceBootstrap', options.forceBootstrap, false),
    onEmptyStore: checkedOnEmptyStore(options.onEmptyStore),
    join,
    joinAs: checkedJoinAs(options.joinAs),
    http: origin('http', options.http),
    snapshots: options.snapshots ?? {},
    tracer: checkedTracer(options.tracer),
    checkDeterminism: flag('checkDeterminism', options.checkDeterminism, false),
  };
}

function checkedElection(
  election: RaftModuleOptions['election'],
): Pick<RaftSettings, 'electionTimeoutMs' | 'heartbeatIntervalMs'> {
  const electionTimeoutMs = milliseconds('election.timeoutMs', election?.timeoutMs, 1_000);
  const heartbeatIntervalMs = milliseconds(
    'election.heartbeatIntervalMs',
    election?.heartbeatIntervalMs,
    Math.min(100, Math.max(1, Math.floor(electionTimeoutMs / 5))),
  );
  if (heartbeatIntervalMs * 5 > electionTimeoutMs)
    refuse(
      `election.heartbeatIntervalMs is ${heartbeatIntervalMs} and election.timeoutMs ${electionTimeoutMs}: one late heartbeat would start an election. Make the time-out at least five heartbeats, ${heartbeatIntervalMs * 5}.`,
    );
  return { electionTimeoutMs, heartbeatIntervalMs };
}

/** Checks a policy for calls that a follower gets, and fills it in from `defaults`. */
export function leaderOnlyPolicy(
  name: string,
  policy: LeaderOnlyPolicy,
  defaults: Required<LeaderOnlyPolicy>,
): Required<LeaderOnlyPolicy> {
  const { onFollower = defaults.onFollower, status = defaults.status } = policy;
  if (!ON_FOLLOWER.includes(onFollower))
    refuse(`${name}.onFollower is ${show(onFollower)}: write one of ${ON_FOLLOWER.map(show).join(', ')}.`);
  if (!REDIRECT_STATUSES.includes(status))
    refuse(`${name}.status is ${show(status)}: write one of ${REDIRECT_STATUSES.join(', ')}.`);
  return { onFollower, status };
}

function checkedJoin({ join, members, nodeId, peers }: RaftModuleOptions): readonly string[] {
  if (join === undefined) return [];
  if (!Array.isArray(join) || join.length === 0)
    refuse(`join is ${show(join)}: list peer addresses of members of the cluster, such as ['n1:7001'].`);
  if (members !== undefined)
    refuse(
      'join and members are both given: members found a cluster, join takes this node into one that runs. Leave one of them out.',
    );
  if (nodeId === undefined || peers === undefined)
    refuse(
      "join is given without nodeId or peers: say this node's name and where the others reach it, nodeId: 'n4' and peers: { listen: '0.0.0.0:7001', advertise: 'n4:7001' }.",
    );
  return join.map((each, position) => address(`join[${position}]`, each));
}

function checkedTracer(tracer: RaftModuleOptions['tracer']): CallTracer | undefined {
  if (tracer !== undefined && typeof (tracer as Partial<CallTracer> | null)?.begin !== 'function')
    refuse(`tracer is ${show(tracer)}: write openTelemetryTracer() from 'nestjs-raft/opentelemetry', or leave it out.`);
  return tracer;
}

function checkedJoinAs(joinAs: RaftModuleOptions['joinAs']): 'voter' | 'learner' {
  if (joinAs === undefined || joinAs === 'voter' || joinAs === 'learner') return joinAs ?? 'voter';
  return refuse(`joinAs is ${show(joinAs)}: write 'voter' or 'learner'.`);
}

function checkedOnEmptyStore(onEmptyStore: RaftModuleOptions['onEmptyStore']): 'refuse' | 'rejoin' {
  if (onEmptyStore === undefined || onEmptyStore === 'refuse' || onEmptyStore === 'rejoin')
    return onEmptyStore ?? 'refuse';
  return refuse(`onEmptyStore is ${show(onEmptyStore)}: write 'refuse' or 'rejoin'.`);
}

function checkedMembers(members: RaftModuleOptions['members']): readonly FounderOptions[] | undefined {
  if (members === undefined) return undefined;
  if (!Array.isArray(members) || members.length === 0)
    refuse(
      `members is ${show(members)}: list every founder as { id: 'n1', peer: 'host:port', http: 'http://host:port' }, or leave members out for a single node.`,
    );
  const checked = (members as readonly FounderOptions[]).map((member, position) =>
    checkedMember(member, `members[${position}]`),
  );
  for (const [position, member] of checked.entries()) {
    const first = checked.findIndex((other) => other.id === member.id || other.peer === member.peer);
    if (first !== position)
      refuse(
        `members[${position}] (${member.id}, ${member.peer}) repeats the id or the peer address of members[${first}]: each member has its own.`,
      );
  }
  return checked;
}

function checkedMember(member: FounderOptions, name: string): FounderOptions {
  if (typeof member !== 'object' || member === null || typeof member.id !== 'string' || member.id.trim() === '')
    refuse(`${name} is ${show(member)}: write { id: 'n1', peer: 'host:port', http: 'http://host:port' }.`);
  return { id: member.id, peer: address(`${name}.peer`, member.peer), http: origin(`${name}.http`, member.http) };
}

function checkedPart<T extends object>(
  name: string,
  part: RaftPart<T> | undefined,
  methods: readonly string[],
): RaftPart<T> | undefined {
  if (part === undefined) return undefined;
  const candidate = part as Readonly<Record<string, unknown>> | null;
  const isInstance = (value: typeof candidate): boolean =>
    typeof value === 'object' && value !== null && methods.every((method) => typeof value[method] === 'function');
  const isFactory =
    typeof candidate === 'object' && candidate !== null && typeof candidate['useFactory'] === 'function';
  if (!isFactory && !isInstance(candidate))
    refuse(`${name} is ${show(part)}: give an instance (it has ${methods.join(', ')}), or { useFactory, inject }.`);
  return part;
}

function checkedLimits(limits: RaftModuleOptions['limits']): Partial<RaftLimits> {
  for (const [name, value] of Object.entries(limits ?? {})) positiveInteger(`limits.${name}`, value);
  return limits ?? {};
}

function checkedLeaseReads(leaseReads: RaftModuleOptions['leaseReads']): { readonly driftMargin: number } | null {
  if (leaseReads === undefined) return null;
  const margin: unknown = (leaseReads as { readonly driftMargin?: unknown } | null)?.driftMargin;
  if (typeof margin !== 'number' || !(margin >= 0.5 && margin <= 0.95))
    refuse(
      `leaseReads is ${show(leaseReads)}: write { driftMargin: 0.9 }, the share of the election time-out that a lease lasts, 0.5 to 0.95.`,
    );
  return { driftMargin: margin };
}

function missingNodeId(members: readonly FounderOptions[]): string {
  return `nodeId is not given, and members names ${names(members)}: say which of them this process is, for instance nodeId: process.env.RAFT_NODE_ID.`;
}

function names(members: readonly FounderOptions[]): string {
  return members.map((member) => member.id).join(', ');
}
