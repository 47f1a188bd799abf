import { KERNEL_LIMITS } from '../../core/base/options';
import { RaftError } from '../../errors/raft-error';
import { DEFAULT_GROUP } from '../../core/base/types';
import { NodeEvents } from '../events/node-events';
import type { FounderOptions, RaftLimits, RaftNodeOptions } from './raft-node-options';
import type { RaftLogger } from '../base/logger';
import { DEFAULT_SNAPSHOTS, type SnapshotOptions } from './snapshot-options';
import { HOW_TO_PROTECT, isExposed } from './peer-security';
import { SystemScheduler } from '../base/system-scheduler';

/** Defaults of {@link RaftLimits}. */
export const DEFAULT_LIMITS: RaftLimits = Object.freeze({
  ...KERNEL_LIMITS,
  maxCommandBytes: 4 * 1024 * 1024,
  maxPendingRequests: 10_000,
  maxPendingBytes: 64 * 1024 * 1024,
  maxSessionsPerCaller: 1000,
  maxIdempotencyKeysPerCaller: 16_000,
  maxLocksPerCaller: 4000,
});

/** What {@link raftNodeOptions} needs; the rest has defaults. */
export type RaftNodeSettings = Pick<RaftNodeOptions, 'nodeId' | 'storage' | 'transport' | 'stateMachine'> &
  Partial<Omit<RaftNodeOptions, 'limits' | 'snapshots'>> & {
    readonly limits?: Partial<RaftLimits>;
    readonly snapshots?: Partial<SnapshotOptions>;
  };

const SILENT: RaftLogger = {
  debug: () => undefined,
  log: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/**
 * Fills in what was left out, and checks everything.
 *
 * Defaults: cluster name `raft`, the default group, this node as the only founder, election time-out 1000 ms, heartbeat
 * 100 ms, requests 10,000 ms, shutdown 5,000 ms, no lease reads, a logger that says nothing, the time of this machine.
 *
 * @throws RaftError `RAFT_CONFIGURATION` names the option, its value and what to write instead
 * @publicApi
 */
export function raftNodeOptions(settings: RaftNodeSettings): RaftNodeOptions {
  const { nodeId } = settings;
  const advertise = settings.advertise ?? settings.founders?.find(({ id }) => id === nodeId)?.peer ?? '127.0.0.1:7001';
  const founders = settings.founders ?? [{ id: nodeId, peer: advertise }];
  const clusterName = settings.clusterName ?? 'raft';
  const groupId = settings.groupId ?? DEFAULT_GROUP;
  const logger = settings.logger ?? SILENT;
  const options: RaftNodeOptions = {
    nodeId,
    clusterName,
    groupId,
    founders,
    forceBootstrap: settings.forceBootstrap ?? false,
    onEmptyStore: settings.onEmptyStore ?? 'refuse',
    advertise,
    http: settings.http ?? founders.find(({ id }) => id === nodeId)?.http ?? '',
    join: settings.join ?? [],
    joinAs: settings.joinAs ?? 'voter',
    electionTimeoutMs: settings.electionTimeoutMs ?? 1000,
    heartbeatIntervalMs: settings.heartbeatIntervalMs ?? 100,
    requestTimeoutMs: settings.requestTimeoutMs ?? 10_000,
    shutdownTimeoutMs: settings.shutdownTimeoutMs ?? 5000,
    leaseReads: settings.leaseReads ?? null,
    limits: { ...DEFAULT_LIMITS, ...definedOnly(settings.limits) },
    snapshots: { ...DEFAULT_SNAPSHOTS, ...definedOnly(settings.snapshots) },
    storage: settings.storage,
    transport: settings.transport,
    stateMachine: settings.stateMachine,
    scheduler: settings.scheduler ?? new SystemScheduler(),
    logger,
    events: settings.events ?? new NodeEvents({ nodeId, clusterName, group: groupId }, () => logger),
    machineEvents: settings.machineEvents,
    tracer: settings.tracer,
  };
  validate(options);
  return options;
}

function validate(options: RaftNodeOptions): void {
  const { nodeId, clusterName, groupId, founders, advertise, leaseReads } = options;
  requireName('nodeId', nodeId, 'the name of this node, such as n1');
  requireName('clusterName', clusterName, 'a name that all nodes of the cluster share');
  if (!/^[a-z0-9_-]{1,63}$/.test(groupId))
    throw wrong('groupId', groupId, 'write 1 to 63 characters of a-z, 0-9, _ and -');
  requireAddress('advertise', advertise);
  if (!['refuse', 'rejoin'].includes(options.onEmptyStore))
    throw wrong('onEmptyStore', options.onEmptyStore, "write 'refuse' or 'rejoin'");
  options.join.forEach((address, at) => requireAddress(`join[${at}]`, address));
  validateFounders(founders);
  requireLocal(options);
  validateTimes(options);
  if (leaseReads !== null && !(leaseReads.driftMargin >= 0.5 && leaseReads.driftMargin <= 0.95))
    throw wrong('leaseReads.driftMargin', leaseReads.driftMargin, 'write a share from 0.5 to 0.95');
  validateSnapshots(options.snapshots);
  for (const [name, value] of Object.entries(options.limits))
    if (!Number.isSafeInteger(value) || value < 1) throw wrong(`limits.${name}`, value, 'write a whole number above 0');
}

/** Where peers prove nothing, everybody who reaches this node's port is one: then nobody elsewhere is to be a member. */
function requireLocal({ founders, advertise, join, transport }: RaftNodeOptions): void {
  const addresses = [
    ...founders.map(({ peer }, at) => [`founders[${at}].peer`, peer] as const),
    ['advertise', advertise] as const,
    ...join.map((peer, at) => [`join[${at}]`, peer] as const),
  ];
  for (const [option, address] of addresses)
    if (isExposed(transport.protection, address))
      throw wrong(
        option,
        address,
        `this isn't certainly this machine, and the transport admits everybody who reaches it. ${HOW_TO_PROTECT}`,
      );
}

function validateSnapshots(settings: SnapshotOptions): void {
  const { afterEntries, afterBytes, afterMs, trailingEntries, trailingBytes } = settings;
  for (const [name, value, least] of [
    ['afterEntries', afterEntries, 1],
    ['afterBytes', afterBytes, 1],
    ['trailingEntries', trailingEntries, 0],
    ['trailingBytes', trailingBytes, 0],
  ] as const)
    if (!Number.isSafeInteger(value) || value < least)
      throw wrong(`snapshots.${name}`, value, `write a whole number from ${least} on`);
  if (afterMs !== null && !(Number.isFinite(afterMs) && afterMs > 0))
    throw wrong('snapshots.afterMs', afterMs, 'write a number of milliseconds above 0, or null for never');
}

function validateTimes(options: RaftNodeOptions): void {
  const { electionTimeoutMs, heartbeatIntervalMs, requestTimeoutMs, shutdownTimeoutMs } = options;
  for (const [name, value] of Object.entries({
    electionTimeoutMs,
    heartbeatIntervalMs,
    requestTimeoutMs,
    shutdownTimeoutMs,
  }))
    if (!Number.isFinite(value) || value <= 0) throw wrong(name, value, 'write a number of milliseconds above 0');
  if (heartbeatIntervalMs < 5)
    throw wrong('heartbeatIntervalMs', heartbeatIntervalMs, 'write 5 or more: timers are no finer than a millisecond');
  if (heartbeatIntervalMs > electionTimeoutMs / 5)
    throw wrong(
      'heartbeatIntervalMs',
      heartbeatIntervalMs,
      `write at most a fifth of electionTimeoutMs (${electionTimeoutMs}), so that a few lost heartbeats don't end a leadership`,
    );
}

function validateFounders(founders: readonly FounderOptions[]): void {
  if (founders.length === 0) throw wrong('founders', founders, 'name at least this node');
  const ids = new Set<string>();
  const peers = new Set<string>();
  founders.forEach(({ id, peer, http }, at) => {
    requireName(`founders[${at}].id`, id, 'the name of that node');
    requireAddress(`founders[${at}].peer`, peer);
    if (ids.has(id)) throw wrong(`founders[${at}].id`, id, 'each founder needs a name of its own');
    if (peers.has(peer)) throw wrong(`founders[${at}].peer`, peer, 'each founder needs an address of its own');
    if (http !== undefined && http !== '' && !isOrigin(http))
      throw wrong(`founders[${at}].http`, http, 'write an origin, such as http://n1:3000');
    ids.add(id);
    peers.add(peer);
  });
}

function requireName(option: string, value: string, remedy: string): void {
  if (typeof value !== 'string' || value.trim() === '' || value.length > 255)
    throw wrong(option, value, `write ${remedy}, in 1 to 255 characters`);
}

function requireAddress(option: string, value: string): void {
  const match = typeof value === 'string' ? /^(.+):(\d{1,5})$/.exec(value) : null;
  if (match === null || Number(match[2]) < 1 || Number(match[2]) > 65_535)
    throw wrong(option, value, 'write host:port, such as n1:7001');
}

function isOrigin(value: string): boolean {
  return /^https?:\/\/[^/]+$/.test(value);
}

function wrong(option: string, value: unknown, remedy: string): RaftError {
  const shown = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return new RaftError('RAFT_CONFIGURATION', `The option ${option} is ${shown}: ${remedy}.`);
}

function definedOnly<T extends object>(given: Partial<T> = {}): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<T>;
}
