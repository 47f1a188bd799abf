import { NO_REPLICA, type ReplicaId } from '../core/base/types';
import type { ClusterStatus } from '../runtime/clients/client-calls';
import type { ClientNodeStatus } from './raft-client-status';
import { isExposed } from '../runtime/options/peer-security';
import type { PeerRoute } from '../runtime/peers/peer-links';
import type { LeaderStatus } from '../runtime/status/status';
import type { Hello, PeerMessage, RaftClientTransport } from '../transport/contract';

/** For how long a node is passed over that left a call unanswered, while others are there. */
const AVOIDED_MS = 2000;

export interface ConnectedNode {
  readonly address: string;
  readonly node: Hello;
}

interface NodeState {
  hello: Hello | undefined;
  isConnected: boolean;
  /** The node's sentence, where it turned this client away. */
  refusal: string | undefined;
  detail: string;
  status: ClusterStatus | undefined;
  avoidedUntilMs: number;
}

/**
 * The nodes that a client is connected to, and which of them gets what: commands the leader, where it is known and reached, and
 * reads the node that this client has settled on, so that the leader need not answer everybody. Any node serves anything.
 */
export class NodeLinks {
  private readonly nodes = new Map<string, NodeState>();
  private homeAddress: string | undefined;
  /** The leader's address, where the options don't have it. */
  private extra: string | undefined;

  /** @param seed spreads the clients over the nodes */
  constructor(
    private readonly transport: RaftClientTransport,
    private readonly peers: readonly string[],
    private readonly seed: number,
    private readonly nowMs: () => number,
  ) {}

  connect(): void {
    for (const address of new Set(this.peers)) this.dial(address);
  }

  /** @returns the addresses of nodes that are connected, with what each said of itself */
  connected(): readonly ConnectedNode[] {
    return [...this.nodes].flatMap(([address, { isConnected, hello }]) =>
      isConnected && hello !== undefined ? [{ address, node: hello }] : [],
    );
  }

  /** @returns what the nodes say that turn this client away, where all of them do */
  refusedByAll(): string | undefined {
    const states = [...this.nodes.values()];
    return states.every(({ refusal }) => refusal !== undefined) ? states[0]?.refusal : undefined;
  }

  said(address: string, hello: Hello): void {
    const node = this.nodes.get(address);
    if (node !== undefined) node.hello = hello;
  }

  opened(address: string): void {
    const node = this.nodes.get(address);
    if (node === undefined) return;
    Object.assign(node, { isConnected: true, refusal: undefined, detail: '', word: undefined, avoidedUntilMs: 0 });
  }

  lost(address: string, detail: string, turnedAway: boolean): void {
    const node = this.nodes.get(address);
    if (node === undefined) return;
    Object.assign(node, { isConnected: false, word: undefined, detail, refusal: turnedAway ? detail : undefined });
    if (this.homeAddress === address) this.homeAddress = undefined;
  }

  /** A node named the leader. The leader is dialled where no option names its address. */
  statusReceived(address: string, word: ClusterStatus): void {
    const node = this.nodes.get(address);
    if (node === undefined) return;
    node.status = word;
    const { leader } = this;
    if (leader === null || this.addressOf(leader.id) !== undefined) return;
    if (this.nodes.has(leader.peer) || isExposed(this.transport.protection, leader.peer)) return;
    if (this.extra !== undefined) this.hangUp(this.extra);
    this.extra = leader.peer;
    this.dial(leader.peer);
  }

  /** A node that no longer follows anybody, in a later term, doesn't know better than one that still has a leader. */
  get leader(): LeaderStatus | null {
    return this.leading?.leader ?? null;
  }

  get term(): number {
    return this.leading?.term ?? 0;
  }

  get clusterId(): string {
    for (const { hello } of this.nodes.values())
      if (hello !== undefined && hello.clusterId !== '') return hello.clusterId;
    return '';
  }

  /** @returns every node that is dialled, and how it stands with it */
  list(): readonly ClientNodeStatus[] {
    return [...this.nodes].map(([address, { hello, isConnected, detail }]) => ({
      address,
      name: hello?.nodeName ?? '',
      isConnected,
      detail,
    }));
  }

  private get leading(): ClusterStatus | undefined {
    let newest: ClusterStatus | undefined;
    for (const { status } of this.nodes.values())
      if (status !== undefined && status.leader !== null && status.term > (newest?.term ?? -1)) newest = status;
    return newest;
  }

  /** The node that reads go to, and that tells what is watched: the same for as long as it is there. */
  home(): string | undefined {
    if (this.homeAddress !== undefined) return this.homeAddress;
    const { seed } = this;
    const members = this.candidates();
    this.homeAddress = members[seed % Math.max(1, members.length)]?.address;
    return this.homeAddress;
  }

  homeReplica(): ReplicaId {
    const home = this.home();
    return (home === undefined ? undefined : this.nodes.get(home)?.hello?.replicaId) ?? NO_REPLICA;
  }

  /** Whom to send a command: the leader, or a node that passes it on to it. */
  target(): ReplicaId {
    const candidates = this.candidates();
    const leader = this.leader?.id;
    const chosen =
      candidates.find(({ node }) => node.replicaId === leader) ??
      candidates[this.seed % Math.max(1, candidates.length)];
    return chosen?.node.replicaId ?? NO_REPLICA;
  }

  /** The members that are connected, without those that are avoided where others are there. */
  private candidates(): readonly ConnectedNode[] {
    const members = this.connected().filter(({ node }) => node.replicaId !== NO_REPLICA);
    const nowMs = this.nowMs();
    const willing = members.filter(({ address }) => (this.nodes.get(address)?.avoidedUntilMs ?? 0) <= nowMs);
    return willing.length > 0 ? willing : members;
  }

  /** It left a call unanswered, or couldn't serve it: others are tried before it. */
  avoid(address: string): void {
    const node = this.nodes.get(address);
    if (node === undefined) return;
    node.avoidedUntilMs = this.nowMs() + AVOIDED_MS;
    if (this.homeAddress === address) this.homeAddress = undefined;
  }

  routeTo(replica: ReplicaId): PeerRoute | undefined {
    const address = this.addressOf(replica);
    const hello = address === undefined ? undefined : this.nodes.get(address)?.hello;
    if (address === undefined || hello === undefined) return undefined;
    return { address, name: hello.nodeName, bootNonce: hello.bootNonce };
  }

  send(address: string, message: PeerMessage): boolean {
    return message.kind === 'request' && this.transport.send(address, message);
  }

  private addressOf(replica: ReplicaId): string | undefined {
    if (replica === NO_REPLICA) return undefined;
    return this.connected().find(({ node }) => node.replicaId === replica)?.address;
  }

  private dial(address: string): void {
    this.nodes.set(address, {
      hello: undefined,
      isConnected: false,
      refusal: undefined,
      detail: '',
      status: undefined,
      avoidedUntilMs: 0,
    });
    this.transport.connect(address);
  }

  private hangUp(address: string): void {
    this.nodes.delete(address);
    if (this.homeAddress === address) this.homeAddress = undefined;
    this.transport.disconnect(address);
  }
}
