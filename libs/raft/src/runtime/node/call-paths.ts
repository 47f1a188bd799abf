import type { RaftError } from '../../errors/raft-error';
import type { Hello, PeerMessage } from '../../transport/contract';
import { CallIds } from '../peers/call-ids';
import { ClientServer } from '../clients/client-server';
import type { EventReporter } from '../events/event-reporter';
import { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import type { PendingRequest } from '../requests/pending-request';
import type { RaftNodeOptions } from '../options/raft-node-options';
import type { ReadConsistency } from '../base/call-options';
import type { Replica } from '../replica/replica';
import { RequestPaths } from '../requests/request-paths';
import { RequestServer } from '../requests/request-server';
import { SharedBarrier } from '../requests/shared-barrier';
import type { RaftStatus } from '../status/status';
import { leaderIn } from './status-report';
import { timingOf } from '../options/timing';

const NOTHING = new Uint8Array(0);

export interface CallPathsPorts {
  readonly options: RaftNodeOptions;
  readonly links: PeerLinks;
  readonly reporter: EventReporter;
  readonly bootNonce: string;
  /** Empty before genesis. */
  clusterId(): string;
  answer(peer: Hello, message: PeerMessage): void;
  replica(): Replica | undefined;
  /** Why no call is accepted; undefined where calls are. */
  closed(): RaftError | undefined;
  status(): RaftStatus;
  onStatus(listener: (status: RaftStatus) => void): () => void;
}

/** The ways of a call through one node: from its callers, other nodes and clients to the replica here or to the leader, and back. */
export class CallPaths extends RequestPaths {
  /** Calls among the nodes themselves. */
  readonly calls: PeerCalls;
  /** Serves what other nodes send on. */
  readonly server: RequestServer;
  /** Serves what clients ask, which aren't members. */
  readonly clients: ClientServer;

  constructor(ports: CallPathsPorts) {
    const { options, links } = ports;
    const { scheduler, groupId, electionTimeoutMs } = options;
    const ids = new CallIds(scheduler.randomSeed());
    super({
      options,
      ids,
      links,
      sessionTtlMs: timingOf(options).nodeSessionMs,
      patienceMs: 2 * electionTimeoutMs,
      reporter: ports.reporter,
      closed: () => ports.closed(),
      hintOf: (leader) => leaderIn(leader, links) ?? undefined,
      read: (request) => barriers[request.consistency === 'lease' ? 'lease' : 'linearizable'].begin(request),
      cameBack: (request) => this.router.retry(request),
      confirmedByLeader: (request, index) => ports.replica()?.reads.awaitApplied(request, index),
    });
    const answer = (peer: Hello, message: PeerMessage): void => ports.answer(peer, message);
    this.calls = new PeerCalls({ links, scheduler, groupId, ids, answer });
    const barriers = {
      linearizable: this.sharedBarrier('linearizable', ports),
      lease: this.sharedBarrier('lease', ports),
    };
    const submit = (request: PendingRequest): void => this.admission.submit(request);
    this.server = new RequestServer({
      groupId,
      bootNonce: ports.bootNonce,
      clusterId: () => ports.clusterId(),
      submit,
      answer,
    });
    this.clients = clientServerOf(ports, submit);
  }

  private sharedBarrier(consistency: ReadConsistency, ports: CallPathsPorts): SharedBarrier {
    return new SharedBarrier({
      requests: this.requests,
      scheduler: ports.options.scheduler,
      barrier: async (timeoutMs) => (await this.admission.call('barrier', NOTHING, { timeoutMs, consistency })).index,
      confirmed: (request, index) => ports.replica()?.reads.awaitApplied(request, index),
    });
  }
}

function clientServerOf(ports: CallPathsPorts, submit: (request: PendingRequest) => void): ClientServer {
  const { nodeId, clusterName, groupId, logger, scheduler, machineEvents } = ports.options;
  return new ClientServer({
    nodeName: nodeId,
    clusterName,
    groupId,
    bootNonce: ports.bootNonce,
    logger,
    scheduler,
    machineEvents,
    submit,
    closed: () => ports.closed(),
    status: () => ports.status(),
    onStatus: (listener) => ports.onStatus(listener),
  });
}
