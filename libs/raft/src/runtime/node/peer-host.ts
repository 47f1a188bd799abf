import type { Message } from '../../core/base/messages';
import { RaftError } from '../../errors/raft-error';
import { termOutOfBounds } from '../../core/base/term-bound';
import { MAX_TERM, type GroupId } from '../../core/base/types';
import type { GroupIdentity } from '../../storage/contract';
import {
  type FounderMessage,
  type Hello,
  type PeerConnectionState,
  type PeerMessage,
  PROTOCOL_VERSIONS,
  type RequestMessage,
  type ResponseMessage,
  type ClientHost,
  type TransportHost,
} from '../../transport/contract';
import { refusalOf } from '../peers/admission';
import { JOIN } from '../membership/join-calls';
import type { Forwarder } from '../requests/forwarder';
import type { Founding } from '../membership/founding';
import type { BootHistory } from '../store/boot-history';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import { isAmongUs, type PeerStanding, speaksFor } from '../peers/peer-standing';
import type { Replica } from '../replica/replica';
import { encodeError } from '../base/error-codec';
import type { RequestRouter } from '../requests/request-router';
import type { RequestServer } from '../requests/request-server';

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
  boots(): BootHistory;
  readonly clients: ClientHost;
  /** Undefined before genesis. */
  group(): GroupIdentity | undefined;
  replica(): Replica | undefined;
  founding(): Founding | undefined;
  answer(peer: Hello, message: PeerMessage): void;
  connectionChanged(address: string, isConnected: boolean, detail: string): void;
  /** Who was dialled turned this node away, or was turned away. */
  turnedAway(address: string, sentence: string): void;
  /** Before this node is part of a cluster: a peer that may be of one. */
  metCluster(peer: Hello): void;
  /** A peer remembers more of this node than its own store does. */
  rolledBack(sentence: string): void;
  /** A message had a term above the limit. */
  termRefused(): void;
  /** Ends the connections over which this hello came. */
  turnAway(sender: Hello, sentence: string): void;
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
    const { own, knownBoots } = this.ports.boots();
    const group = this.ports.group();
    return {
      protocol: PROTOCOL_VERSIONS,
      clusterName,
      clusterId: group?.clusterId ?? '',
      nodeName,
      replicaId: group?.replicaId ?? 0,
      incarnation,
      bootNonce: own.nonce,
      epoch: own.number,
      earlierBoots: own.earlier,
      knownBoots,
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
    links.onHello(peer);
    if (this.standingOf(peer) === 'member') this.remember(peer);
    else if (group === undefined) this.ports.metCluster(peer);
    return undefined;
  }

  /** Of a member that came back elsewhere the life is remembered once it counts: a copy of its disk says the same. */
  private remember(peer: Hello): void {
    const { links } = this.ports;
    const lives = this.ports.boots();
    if (links.counts(peer, this.ports.nowMs())) lives.remember(peer);
    const member = links.routes.memberOf(peer.replicaId);
    if (member !== undefined)
      lives.rememberPlace(peer.replicaId, peer.advertise === member.peer ? undefined : peer.advertise);
  }

  memberOf(peer: Hello): { readonly peer: string } | undefined {
    return this.standingOf(peer) === 'member' ? this.ports.links.routes.memberOf(peer.replicaId) : undefined;
  }

  nameAt(address: string): string {
    return this.ports.links.expectedAt(address);
  }

  private standingOf(peer: Hello): PeerStanding {
    return this.ports.links.standingOf(peer, this.ports.group()?.clusterId ?? '');
  }

  /** Only a member's memory puts a store in quarantine, which is for good. */
  private suspicionBy(peer: Hello, group: GroupIdentity | undefined): string | undefined {
    if (group === undefined || this.standingOf(peer) !== 'member') return undefined;
    const suspicion = this.ports.boots().suspicionBy(peer, group.replicaId);
    if (suspicion !== undefined) this.ports.rolledBack(suspicion);
    return suspicion === undefined ? undefined : `Node '${this.self.nodeName}' no longer takes part: ${suspicion}`;
  }

  private refusalByMemory(peer: Hello, group: GroupIdentity | undefined): string | undefined {
    return group !== undefined && this.standingOf(peer) === 'member' ? this.ports.boots().refusalOf(peer) : undefined;
  }

  receive(message: PeerMessage, sender: Hello): void {
    if (!this.ports.isOpen()) return;
    try {
      this.ports.links.onHello(sender);
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
      for (const id of replicas) replica?.driver.peerReachable(id);
      this.ports.founding()?.reached(address);
      router.wake();
      return;
    }
    forwarder.connectionLost(address);
    calls.connectionLost(address);
    if (state !== 'connecting') for (const id of replicas) replica?.driver.peerUnreachable(id);
  }

  turnedAway(address: string, sentence: string): void {
    if (this.ports.isOpen()) this.ports.turnedAway(address, sentence);
  }

  private take(message: PeerMessage, sender: Hello): void {
    switch (message.kind) {
      case 'founder':
        this.takeFounder(message, sender);
        return;
      case 'request':
        if (message.groupId === this.self.groupId) this.takeRequest(message, sender);
        return;
      case 'response':
        if (message.groupId === this.self.groupId) this.takeResponse(message, sender);
        return;
      default:
        this.takeKernelMessage(message, sender);
    }
  }

  /** Of what nodes ask each other, a node that isn't a member may ask only to become one. */
  private takeRequest(message: RequestMessage, sender: Hello): void {
    const { calls, server } = this.ports;
    if (message.method !== JOIN && !isAmongUs(this.standingOf(sender))) {
      const { groupId, id } = message;
      const body = encodeError(noMember(sender, this.self.nodeName));
      this.ports.answer(sender, { kind: 'response', groupId, id, ok: false, body });
    } else if (!calls.receive(message, sender)) server.receive(message, sender);
  }

  /** A node that isn't a member yet is answered by those whose membership it hasn't got; they belong to some cluster, at least. */
  private takeResponse(message: ResponseMessage, sender: Hello): void {
    const isBelieved = this.ports.group() === undefined ? sender.clusterId !== '' : isAmongUs(this.standingOf(sender));
    if (isBelieved && !this.ports.calls.answered(message)) this.ports.forwarder.answered(message, sender);
  }

  /** The one place where messages of the protocol are held against who sent them (safety 9, 29). */
  private takeKernelMessage(message: Message, sender: Hello): void {
    const replica = this.ports.replica();
    if (replica === undefined || message.groupId !== this.self.groupId || !speaksFor(sender, message)) return;
    const standing = this.standingOf(sender);
    if (standing === 'removed') return this.notifyRemoved(replica, message, sender);
    if (!isAmongUs(standing) || !this.ports.links.counts(sender, this.ports.nowMs())) return;
    const term = termOutOfBounds(message);
    if (term === undefined) {
      // It may have become a member since it was admitted.
      if (standing === 'member') this.ports.boots().remember(sender);
      replica.receive(message);
      return;
    }
    this.ports.termRefused();
    this.ports.turnAway(sender, outOfBounds(sender, term));
  }

  /** It was away when it was removed, and would go on asking for votes: it hears which membership there is. */
  private notifyRemoved(replica: Replica, message: Message, sender: Hello): void {
    const nowMs = this.ports.nowMs();
    if (nowMs - (this.toldAtMs.get(message.from) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
    this.toldAtMs.set(message.from, nowMs);
    this.ports.answer(sender, this.membershipOf(replica));
  }

  /** A node that still looks for its cluster hears which one there is. What the membership is, members alone say. */
  private takeFounder(message: FounderMessage, sender: Hello): void {
    const replica = this.ports.replica();
    if (replica === undefined) {
      this.ports.founding()?.receive(message, sender);
      return;
    }
    if (message.groupId !== this.self.groupId) return;
    const { initialCluster } = message;
    if (initialCluster === null) this.ports.answer(sender, this.membershipOf(replica));
    else if (initialCluster.clusterId === replica.clusterId && isAmongUs(this.standingOf(sender)))
      replica.onMessageFrom(initialCluster.configuration);
  }

  private membershipOf(replica: Replica): FounderMessage {
    const { groupId, nodeName, incarnation } = this.self;
    const { configuration } = replica.kernel.configuration;
    const initialCluster = { clusterId: replica.clusterId, configuration };
    return { kind: 'founder', groupId, founder: nodeName, incarnation, initialCluster };
  }
}

function noMember(sender: Hello, nodeName: string): RaftError {
  return new RaftError(
    'RAFT_NO_LEADER',
    `Node '${nodeName}' doesn't know '${sender.nodeName}' as a member of its cluster, so nothing was done. It was removed, or it isn't ` +
      'a member yet.',
    { retryAfterMs: 1000 },
  );
}

function outOfBounds(sender: Hello, term: number): string {
  return (
    `A message of '${sender.nodeName}' has the term ${term}. No term is above 2^48 (${MAX_TERM}), so it is forged or damaged, and ` +
    'nothing of it was believed. Find out which program speaks with the secret or the certificate of that node.'
  );
}
