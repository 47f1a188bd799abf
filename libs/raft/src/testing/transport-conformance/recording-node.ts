import type { Hello, PeerConnectionState, PeerMessage, RaftTransport, TransportHost } from '../../transport/contract';

export interface Received {
  readonly message: PeerMessage;
  readonly sender: Hello;
}

export interface StateChange {
  readonly address: string;
  readonly state: PeerConnectionState;
  readonly detail: string;
}

/** A node that does nothing but remember what its transport tells it. */
export class RecordingNode implements TransportHost {
  readonly name: string;
  readonly transport: RaftTransport;
  readonly received: Received[] = [];
  readonly changes: StateChange[] = [];
  /** The names that asked to be admitted, in order. */
  readonly asked: string[] = [];
  clusterName = 'conformance';
  clusterId = '';
  address = '';
  /** Decides who is let in. */
  admission: (peer: Hello) => string | undefined = (peer) =>
    peer.clusterName === this.clusterName
      ? undefined
      : `you belong to the cluster '${peer.clusterName}', this node to '${this.clusterName}'`;

  constructor(name: string, transport: RaftTransport) {
    this.name = name;
    this.transport = transport;
  }

  async start(): Promise<string> {
    this.address = await this.transport.start(this);
    return this.address;
  }

  hello(): Hello {
    return {
      protocol: { min: 1, max: 1 },
      clusterName: this.clusterName,
      clusterId: this.clusterId,
      nodeName: this.name,
      replicaId: 0,
      incarnation: `incarnation-of-${this.name}`,
      bootNonce: `boot-of-${this.name}`,
      epoch: 1,
      earlierBoots: [],
      knownBoots: [],
      advertise: this.address,
    };
  }

  admit(peer: Hello): string | undefined {
    this.asked.push(peer.nodeName);
    return this.admission(peer);
  }

  receive(message: PeerMessage, sender: Hello): void {
    this.received.push({ message, sender });
  }

  connectionChanged(address: string, state: PeerConnectionState, detail: string): void {
    this.changes.push({ address, state, detail });
  }

  /** The last state of the connection that this node dialled to an address. */
  stateOf(address: string): PeerConnectionState | undefined {
    return this.changes.filter((change) => change.address === address).at(-1)?.state;
  }

  /** The requests that came, by their numbers. */
  requestIds(): number[] {
    return this.received.flatMap(({ message }) => (message.kind === 'request' ? [message.id] : []));
  }
}
