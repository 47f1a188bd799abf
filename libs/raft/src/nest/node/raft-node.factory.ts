import { Logger } from '@nestjs/common';
import { raftNodeOptions } from '../../runtime/options/default-options';
import { RaftNode } from '../../runtime/node/raft-node';
import type { RaftNodeOptions } from '../../runtime/options/raft-node-options';
import type { Scheduler } from '../../runtime/base/scheduler';
import { SystemScheduler } from '../../runtime/base/system-scheduler';
import { StateMachineHost } from '../../state-machine/host/state-machine-host';
import { TwinCheckedHost } from '../../state-machine/host/twin-check';
import { memoryStorage } from '../../storage/memory';
import { tcpTransport } from '../../transport/tcp';
import type { NodeParts } from './hosted-node.interface';
import { NoPeersTransport } from './no-peers-transport';

/** Makes a node with the defaults of the module: memory where no storage is given, TCP between peers where there are any. */
export function createRaftNode(parts: NodeParts): RaftNode {
  return new RaftNode(nodeOptionsOf(parts));
}

/** @param scheduler the node's time and chance. Default: this machine's */
export function nodeOptionsOf(
  { settings, machines, twins, onEvent, machineEvents, events, dataSource, storage, transport }: NodeParts,
  scheduler: Scheduler = new SystemScheduler(),
): RaftNodeOptions {
  const logger = new Logger('Raft');
  if (storage === undefined)
    logger.warn(
      `The node ${settings.nodeId} keeps its log in memory: everything is gone when this process ends. For a log that lasts write storage: typeOrmStorage({ url: … }) from 'nestjs-raft/typeorm'.`,
    );
  return raftNodeOptions({
    nodeId: settings.nodeId,
    clusterName: settings.clusterName,
    groupId: settings.group,
    founders: settings.members,
    forceBootstrap: settings.forceBootstrap,
    onEmptyStore: settings.onEmptyStore,
    advertise: settings.peers?.advertise ?? settings.members[0]!.peer,
    electionTimeoutMs: settings.electionTimeoutMs,
    heartbeatIntervalMs: settings.heartbeatIntervalMs,
    requestTimeoutMs: settings.requestTimeoutMs,
    shutdownTimeoutMs: settings.shutdownTimeoutMs,
    leaseReads: settings.leaseReads,
    limits: settings.limits,
    join: settings.join,
    joinAs: settings.joinAs,
    snapshots: settings.snapshots,
    storage: storage ?? memoryStorage(),
    transport:
      transport ?? (settings.peers === null ? new NoPeersTransport() : tcpTransport({ ...settings.peers, logger })),
    stateMachine:
      twins.length === 0
        ? new StateMachineHost(machines, { logger, onEvent, dataSource })
        : new TwinCheckedHost(machines, twins, { logger, onEvent }),
    scheduler,
    logger,
    events,
    machineEvents,
    tracer: settings.tracer,
  });
}
