import { RaftError } from '../errors/raft-error';
import { DEFAULT_GROUP, type GroupId } from '../core/base/types';
import type { CallTracer } from '../runtime/events/call-tracer';
import type { RaftLogger } from '../runtime/base/logger';
import type { Scheduler } from '../runtime/base/scheduler';
import { SystemScheduler } from '../runtime/base/system-scheduler';
import { isExposed } from '../runtime/options/peer-security';
import type { RaftClientTransport } from '../transport/contract';

/** @publicApi */
export interface RaftClientLimits {
  /** Bytes of one command or query. Default 4 MiB; the nodes have a limit of their own. */
  readonly maxCommandBytes: number;
  /** Calls that wait in this client. Default 1,000; above it `RAFT_BUSY`. */
  readonly maxPendingRequests: number;
  /** Bytes of the calls that wait in this client. Default 16 MiB; above it `RAFT_BUSY`. A single larger one still goes, alone. */
  readonly maxPendingBytes: number;
}

/** What a {@link RaftClient} is made with. */
export interface RaftClientOptions {
  /** What nodes call this client in their logs. */
  readonly clientName: string;
  readonly clusterName: string;
  readonly groupId: GroupId;
  /** Peer addresses of nodes, `host:port`; one that is up is enough. */
  readonly peers: readonly string[];
  readonly requestTimeoutMs: number;
  /** After how long without an answer a call is sent again, by way of another node. */
  readonly patienceMs: number;
  readonly shutdownTimeoutMs: number;
  readonly limits: RaftClientLimits;
  readonly transport: RaftClientTransport;
  readonly scheduler: Scheduler;
  readonly logger: RaftLogger;
  readonly tracer?: CallTracer | undefined;
}

/** What {@link raftClientOptions} needs; the rest has defaults. @publicApi */
export type RaftClientSettings = Pick<RaftClientOptions, 'peers' | 'transport'> &
  Partial<Omit<RaftClientOptions, 'limits'>> & { readonly limits?: Partial<RaftClientLimits> };

const ADDRESS = /^(?:\[[0-9a-f:.]+\]|[^\s:/[\]]+):(\d{1,5})$/i;

const SILENT: RaftLogger = {
  debug: () => undefined,
  log: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/**
 * Fills in what was left out, and checks everything.
 *
 * Defaults: cluster name `raft`, the default group, the name `client`, calls 10,000 ms, patience 2,000 ms, stop 5,000 ms.
 *
 * @throws RaftError `RAFT_CONFIGURATION` names the option, its value and what to write instead
 * @publicApi
 */
export function raftClientOptions(settings: RaftClientSettings): RaftClientOptions {
  const options: RaftClientOptions = {
    clientName: settings.clientName ?? 'client',
    clusterName: settings.clusterName ?? 'raft',
    groupId: settings.groupId ?? DEFAULT_GROUP,
    peers: settings.peers,
    requestTimeoutMs: settings.requestTimeoutMs ?? 10_000,
    patienceMs: settings.patienceMs ?? 2000,
    shutdownTimeoutMs: settings.shutdownTimeoutMs ?? 5000,
    limits: {
      maxCommandBytes: settings.limits?.maxCommandBytes ?? 4 * 1024 * 1024,
      maxPendingRequests: settings.limits?.maxPendingRequests ?? 1000,
      maxPendingBytes: settings.limits?.maxPendingBytes ?? 16 * 1024 * 1024,
    },
    transport: settings.transport,
    scheduler: settings.scheduler ?? new SystemScheduler(),
    logger: settings.logger ?? SILENT,
    tracer: settings.tracer,
  };
  validate(options);
  return options;
}

function validate({ clientName, clusterName, peers, limits, transport, ...times }: RaftClientOptions): void {
  for (const [name, value] of Object.entries({ clientName, clusterName }))
    if (typeof value !== 'string' || value.trim() === '' || value.length > 255)
      throw wrong(name, value, 'write a name of 1 to 255 characters');
  if (!Array.isArray(peers) || peers.length === 0)
    throw wrong(
      'peers',
      peers,
      "list the peer addresses of the cluster's nodes, such as ['n1:7001', 'n2:7001', 'n3:7001']",
    );
  peers.forEach((address: unknown, at) => {
    const port = typeof address === 'string' ? ADDRESS.exec(address)?.[1] : undefined;
    if (port === undefined || Number(port) < 1 || Number(port) > 65_535)
      throw wrong(`peers[${at}]`, address, "write host:port, such as 'n1:7001'");
    if (isExposed(transport.protection, address as string))
      throw wrong(
        `peers[${at}]`,
        address,
        "this isn't certainly this machine, and nothing tells nodes from others there: who answers in their place gets every call. " +
          "Set secret to the nodes' peers.clients.secret, or tls; insecure: true trusts everybody who answers",
      );
  });
  const { requestTimeoutMs, patienceMs, shutdownTimeoutMs } = times;
  for (const [name, value] of Object.entries({ requestTimeoutMs, patienceMs, shutdownTimeoutMs }))
    if (!Number.isFinite(value) || value <= 0) throw wrong(name, value, 'write a number of milliseconds above 0');
  for (const [name, value] of Object.entries(limits))
    if (!Number.isSafeInteger(value) || value < 1) throw wrong(`limits.${name}`, value, 'write a whole number above 0');
}

function wrong(option: string, value: unknown, remedy: string): RaftError {
  const shown = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return new RaftError('RAFT_CONFIGURATION', `RaftClient: the option ${option} is ${shown}: ${remedy}.`);
}
