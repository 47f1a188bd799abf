import { wasRemoved } from '../core/membership';
import type { Message } from '../core/messages';
import type { GroupId } from '../core/types';
import type { GroupIdentity } from '../storage/contract';
import {
  type FounderMessage,
  type Hello,
  type PeerConnectionState,
  type PeerMessage,
  PROTOCOL_VERSIONS,
  type ClientHost,
  type TransportHost,
} from '../transport/contract';
import { refusalOf } from './admission';
import type { Forwarder } from './forwarder';
import type { Founding } from './founding';
import type { LifeBook } from './life-book';
import type { PeerCalls } from './peer-calls';
import type { PeerLinks } from './peer-links';
import type { Replica } from './replica';
import type { RequestRouter } from './request-router';
import type { RequestServer } from './request-server';

/** How often a removed replica is told so. */
const TELL_EVERY_MS = 1000;

/** What this node says of itself to its peers. */
export interface SelfPortrait {
  readonly nodeName: string;
  readonly clusterName: string;
  readonly groupId: GroupId;
  readonly advertise: string;
  readonly incarnation: string;
}

export interface PeerHostPorts {
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly forwarder: Forwarder;
  readonly router: RequestRouter;
  readonly server: RequestServer;
  readonly lives: LifeBook;
  readonly clients: ClientHost;
  /** Undefined before genesis. */
  group(): GroupIdentity | undefined;
  replica(): Replica | undefined;
  founding(): Founding | undefined;
  answer(peer: Hello, message: PeerMessage): void;
  connectionChanged(address: string, isConnected: boolean, detail: string): void;
  /** Before this node is part of a cluster: a peer that may be of one. */
  metCluster(peer: Hello): void;
  /** A peer remembers more of this node than its own store does. */
  rolledBack(sentence: string): void;
  nowMs(): number;
  /** Whether this node still talks. */
  isOpen(): boolean;
  /** Something here threw, which is a bug. */
  threw(error: unknown): void;
}

/** The node as its transport sees it: who it is, whom it talks to, and where a message goes. */
export class PeerHost implements TransportHost {
  private readonly toldAtMs = new Map<number, number>();

  constructor(
    private readonly self: SelfPortrait,
    private readonly ports: PeerHostPorts,
  ) {}

  get clients(): ClientHost {
    return this.ports.clients;
  }

  hello(): Hello {
    const { clusterName, nodeName, incarnation, advertise } = this.self;
    const { own, knownLives } = this.ports.lives;
    const group = this.ports.group();
    return {
      protocol: PROTOCOL_VERSIONS,
      clusterName,
      clusterId: group?.clusterId ?? '',
      nodeName,
      replicaId: group?.replicaId ?? 0,
      incarnation,
      bootNonce: own.nonce,
      life: own.number,
      earlierLives: own.earlier,
      knownLives,
      advertise,
    };
  }

  admit(peer: Hello): string | undefined {
    const { clusterName, nodeName, incarnation } = this.self;
    const { links } = this.ports;
    const group = this.ports.group();
    const own = { clusterName, clusterId: group?.clusterId ?? '', nodeName, incarnation };
    const refusal = refusalOf(peer, own) ?? this.suspicionBy(peer, group) ?? this.refusalByMemory(peer, group);
    if (refusal !== undefined) return refusal;
    links.heard(peer);
    if (group !== undefined && peer.clusterId === group.clusterId) this.remember(peer);
    else if (group === undefined) this.ports.metCluster(peer);
    return undefined;
  }

  /** Of a member that came back elsewhere the life is remembered once it counts: a copy of its disk says the same. */
  private remember(peer: Hello): void {
    const { links, lives } = this.ports;
    if (links.counts(peer, this.ports.nowMs())) lives.remember(peer);
    const member = links.memberOf(peer.replicaId);
    if (member !== undefined && member.incarnation === peer.incarnation)
      lives.rememberPlace(peer.replicaId, peer.advertise === member.peer ? undefined : peer.advertise);
  }

  /** Only who is of the same cluster remembers a replica by its id. */
  private suspicionBy(peer: Hello, group: GroupIdentity | undefined): string | undefined {
    if (group === undefined || peer.clusterId !== group.clusterId) return undefined;
    const suspicion = this.ports.lives.suspicionBy(peer, group.replicaId);
    if (suspicion !== undefined) this.ports.rolledBack(suspicion);
    return suspicion === undefined ? undefined : `Node '${this.self.nodeName}' takes no part any more: ${suspicion}`;
  }

  private refusalByMemory(peer: Hello, group: GroupIdentity | undefined): string | undefined {
    return group !== undefined && peer.clusterId === group.clusterId ? this.ports.lives.refusalOf(peer) : undefined;
  }

  receive(message: PeerMessage, sender: Hello): void {
    if (!this.ports.isOpen()) return;
    try {
      this.ports.links.heard(sender);
      this.take(message, sender);
    } catch (error) {
      this.ports.threw(error);
    }
  }

  connectionChanged(address: string, state: PeerConnectionState, detail: string, peer?: Hello): void {
    if (!this.ports.isOpen()) return;
    const { links, calls, forwarder, router } = this.ports;
    const replica = this.ports.replica();
    const replicas = links.changed(address, state, detail, peer);
    this.ports.connectionChanged(address, state === 'connected', detail);
    if (state === 'connected') {
      for (const id of replicas) replica?.peerReachable(id);
      this.ports.founding()?.reached(address);
      router.wake();
      return;
    }
    forwarder.connectionLost(address);
    calls.connectionLost(address);
    if (state !== 'connecting') for (const id of replicas) replica?.peerUnreachable(id);
  }

  private take(message: PeerMessage, sender: Hello): void {
    switch (message.kind) {
      case 'founder':
        this.takeFounder(message, sender);
        return;
      case 'request':
        if (message.groupId === this.self.groupId && !this.ports.calls.receive(message, sender))
          this.ports.server.receive(message, sender);
        return;
      case 'response':
        if (message.groupId === this.self.groupId && !this.ports.calls.answered(message))
          this.ports.forwarder.answered(message, sender);
        return;
      default:
        this.takeKernelMessage(message, sender);
    }
  }

  private takeKernelMessage(message: Message, sender: Hello): void {
    const replica = this.ports.replica();
    if (replica === undefined) return;
    if (wasRemoved(replica.kernel.configuration.configuration, message.from))
      this.tellRemoved(replica, message, sender);
    else if (this.ports.links.counts(sender, this.ports.nowMs())) replica.receive(message, sender);
  }

  /** It was away when it was removed, and would go on asking for votes: it hears which membership there is. */
  private tellRemoved(replica: Replica, message: Message, sender: Hello): void {
    if (message.clusterId !== replica.clusterId || sender.replicaId !== message.from) return;
    const nowMs = this.ports.nowMs();
    if (nowMs - (this.toldAtMs.get(message.from) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
    this.toldAtMs.set(message.from, nowMs);
    this.ports.answer(sender, this.membershipOf(replica));
  }

  /** Whoever still looks for its cluster hears which one there is. */
  private takeFounder(message: FounderMessage, sender: Hello): void {
    const replica = this.ports.replica();
    if (replica === undefined) {
      this.ports.founding()?.receive(message, sender);
      return;
    }
    if (message.groupId !== this.self.groupId) return;
    const { genesis } = message;
    if (genesis === null) this.ports.answer(sender, this.membershipOf(replica));
    else if (genesis.clusterId === replica.clusterId) replica.heardOf(genesis.configuration);
  }

  private membershipOf(replica: Replica): FounderMessage {
    const { groupId, nodeName, incarnation } = this.self;
    const { configuration } = replica.kernel.configuration;
    const genesis = { clusterId: replica.clusterId, configuration };
    return { kind: 'founder', groupId, founder: nodeName, incarnation, genesis };
  }
}
