import { NO_REPLICA } from '../core/base/types';
import { RaftError } from '../errors/raft-error';
import { CLIENT_STATUS, decodeClusterStatus } from '../runtime/clients/client-calls';
import type { CallIds } from '../runtime/peers/call-ids';
import type { RequestPaths } from '../runtime/requests/request-paths';
import {
  CLIENT_PROTOCOL_VERSIONS,
  type ClientTransportHost,
  type Hello,
  type ResponseMessage,
} from '../transport/contract';
import type { MachineWatches } from './machine-watches';
import type { NodeLinks } from './node-links';
import type { RaftClientOptions } from './raft-client-options';

const NOTHING = new Uint8Array(0);

export interface ClientConnectionsPorts {
  readonly options: RaftClientOptions;
  readonly identity: Pick<Hello, 'incarnation' | 'bootNonce'>;
  readonly ids: CallIds;
  readonly links: NodeLinks;
  readonly paths: RequestPaths;
  readonly watches: MachineWatches;
  /** Something changed with the nodes: what waits may have a way now. */
  settle(): void;
}

/** The client's side of its transport: what its nodes say, and which of them it is connected to. */
export class ClientConnections implements ClientTransportHost {
  /** The calls by which nodes name the leader, by address. */
  private readonly statusCalls = new Map<string, number>();

  constructor(private readonly ports: ClientConnectionsPorts) {}

  hello(): Hello {
    const { clusterName, clientName } = this.ports.options;
    return {
      protocol: CLIENT_PROTOCOL_VERSIONS,
      clusterName,
      clusterId: '',
      nodeName: clientName,
      replicaId: NO_REPLICA,
      ...this.ports.identity,
      epoch: 1,
      earlierBoots: [],
      knownBoots: [],
      advertise: '',
      role: 'client',
    };
  }

  admit(node: Hello, address: string): string | undefined {
    const { clusterName } = this.ports.options;
    if (node.clusterName !== clusterName)
      return `Node '${node.nodeName}' belongs to the cluster '${node.clusterName}', and this client asks for '${clusterName}': check its addresses.`;
    this.ports.links.said(address, node);
    // It has joined a cluster meanwhile.
    this.ports.settle();
    return undefined;
  }

  connected(address: string): void {
    const { links, ids, options } = this.ports;
    links.opened(address);
    const id = ids.next();
    this.statusCalls.set(address, id);
    const { groupId } = options;
    links.send(address, { kind: 'request', groupId, id, method: CLIENT_STATUS, timeoutMs: 0, body: NOTHING });
    this.ports.settle();
  }

  disconnected(address: string, detail: string, turnedAway: boolean): void {
    const { links, watches, paths } = this.ports;
    links.lost(address, detail, turnedAway);
    this.statusCalls.delete(address);
    watches.connectionLost(address);
    paths.forwarder.connectionLost(address);
    this.ports.settle();
    const refusal = this.refusedByAll();
    if (refusal !== undefined) paths.admission.refuseParked(refusal);
  }

  receive(response: ResponseMessage, node: Hello, address: string): void {
    const { watches, paths } = this.ports;
    if (this.statusCalls.get(address) === response.id) this.receiveStatus(address, response);
    else if (!watches.answered(response)) paths.forwarder.answered(response, node);
  }

  /** @returns why every node turns this client away; undefined where one doesn't */
  refusedByAll(): RaftError | undefined {
    const refusal = this.ports.links.refusedByAll();
    return refusal === undefined
      ? undefined
      : new RaftError('RAFT_FORBIDDEN', `No node lets this client in, and nothing was done: ${refusal}.`);
  }

  private receiveStatus(address: string, { ok, body }: ResponseMessage): void {
    if (!ok) return;
    this.ports.links.statusReceived(address, decodeClusterStatus(body));
    this.ports.settle();
  }
}
