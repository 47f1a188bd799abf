import type { Configuration } from '../core/base/configuration';
import type { Message } from '../core/base/messages';
import type { GroupId, ReplicaId } from '../core/base/types';

/** The versions of the peer protocol that this build speaks. @publicApi */
export const PROTOCOL_VERSIONS = Object.freeze({ min: 3, max: 3 });

/**
 * The versions of the peer protocol that this build speaks as a client, and serves clients in. They lie above those of peers, so
 * that a node which serves no clients refuses one with a sentence instead of taking it for a peer.
 *
 * @publicApi
 */
export const CLIENT_PROTOCOL_VERSIONS = Object.freeze({ min: 4, max: 4 });

/** One start of a node: the how-manieth of its store, and the nonce that was drawn for it. @publicApi */
export interface Boot {
  readonly number: number;
  readonly nonce: string;
}

/** The last life of a replica that the sender has heard of. @publicApi */
export interface KnownBoot extends Boot {
  readonly replicaId: ReplicaId;
}

/** Who is there. Each side says it once the other side has proved that it may hear it. @publicApi */
export interface Hello {
  readonly protocol: { readonly min: number; readonly max: number };
  readonly clusterName: string;
  /** Empty before genesis. */
  readonly clusterId: string;
  readonly nodeName: string;
  /** 0 before genesis. */
  readonly replicaId: ReplicaId;
  readonly incarnation: string;
  readonly bootNonce: string;
  /** The how-manieth start of this store it is: its epoch. */
  readonly epoch: number;
  /** The lives before this one as the sender's store knows them, newest first; at most 32. */
  readonly earlierBoots: readonly Boot[];
  /** What the sender remembers of the other replicas: a node that doesn't find its own past in it has lost that; at most 64. */
  readonly knownBoots: readonly KnownBoot[];
  /** Where the sender is reached: `host:port`. Empty for a client. */
  readonly advertise: string;
  /** `client`: the sender is no node. It calls, and takes no part. Absent for a node. */
  readonly role?: 'client';
}

/** Founders find each other before there is a configuration. @publicApi */
export interface FounderMessage {
  readonly kind: 'founder';
  readonly groupId: GroupId;
  readonly founder: string;
  readonly incarnation: string;
  /** What the sender has adopted or written, if it has. */
  readonly initialCluster: {
    readonly clusterId: string;
    readonly configuration: Configuration;
  } | null;
}

/** A call to another node: a forwarded command or query. Best effort like every message; the caller has a deadline. @publicApi */
export interface RequestMessage {
  readonly kind: 'request';
  readonly groupId: GroupId;
  /** Unique among the sender's requests of this process. */
  readonly id: number;
  readonly method: string;
  /** How long the caller still waits. */
  readonly timeoutMs: number;
  readonly body: Uint8Array;
}

/** @publicApi */
export interface ResponseMessage {
  readonly kind: 'response';
  readonly groupId: GroupId;
  readonly id: number;
  readonly ok: boolean;
  readonly body: Uint8Array;
}

/** @publicApi */
export type PeerMessage = Message | FounderMessage | RequestMessage | ResponseMessage;

/**
 * The state of the connection that this node dialled to an address. `refused`: nobody listens, or the other side turned us
 * away; `detail` has its sentence.
 *
 * @publicApi
 */
export type PeerConnectionState = 'connecting' | 'connected' | 'closed' | 'refused';

/** What the transport asks of, and tells to, the node that it serves. @publicApi */
export interface TransportHost {
  /** Asked for each new connection, and after {@link RaftTransport.announce}. */
  hello(): Hello;

  /** @returns undefined to admit the peer, or the sentence with which it is refused, loudly, on both sides */
  admit(peer: Hello): string | undefined;

  /** A message came in. `sender` is what its connection last said of itself, the very object. Must not throw. */
  receive(message: PeerMessage, sender: Hello): void;

  /**
   * What the membership in force says of this peer; undefined where it is no member by it. A member keeps a place among the
   * connections, and its certificate is held against the address that the membership gives for it. Absent: nobody is one.
   */
  memberOf?(peer: Hello): { readonly peer: string } | undefined;

  /** The name of the member that is expected at `address`; empty where none is known. For its certificate. */
  nameAt?(address: string): string;

  /**
   * The dialled connection to `address` changed.
   *
   * @param peer with `connected`: what the node that answered there said of itself. A node may have come to an address that
   *   the membership gives for another
   */
  connectionChanged(address: string, state: PeerConnectionState, detail: string, peer?: Hello): void;

  /**
   * The node at `address` was dialled and reached, and one of the two turned the other away, or it hung up without a word. Told each
   * time, beside {@link connectionChanged}.
   */
  turnedAway?(address: string, sentence: string): void;

  /** Serves clients, where the transport admits any. Absent: none is admitted. */
  readonly clients?: ClientHost;
}

/** The connection of a client that was admitted: calls come over it, and their answers go back over it. @publicApi */
export interface ClientChannel {
  /** What the client said of itself. */
  readonly client: Hello;
  /** The address of its socket, without the port. */
  readonly remoteAddress: string;
  /** @returns false where it was dropped: the connection is closed, or its backlog is full */
  send(response: ResponseMessage): boolean;
  /** Bytes that were handed over and haven't gone to the operating system. */
  readonly backlogBytes: number;
  /** Hangs up. */
  close(detail: string): void;
}

/** The node as its clients see it. @publicApi */
export interface ClientHost {
  /** @returns undefined to admit the client, or the sentence with which it is refused */
  admit(client: Hello): string | undefined;
  /** A client called. Must not throw. */
  receive(request: RequestMessage, channel: ClientChannel): void;
  /** The connection is gone. */
  ended(channel: ClientChannel): void;
}

/** What a client's transport asks of, and tells to, the client that it serves. @publicApi */
export interface ClientTransportHost {
  /** Asked for each new connection. */
  hello(): Hello;
  /** A node said who it is: with each connection, and when it has joined a cluster. @returns the sentence to refuse it with */
  admit(node: Hello, address: string): string | undefined;
  connected(address: string): void;
  /** The connection was lost, or couldn't be made. @param turnedAway one of the two refused the other; `detail` has the sentence */
  disconnected(address: string, detail: string, turnedAway: boolean): void;
  /** An answer came. Must not throw. */
  receive(response: ResponseMessage, node: Hello, address: string): void;
}

/**
 * How a transport keeps out those who aren't peers.
 *
 * - `secret`: a peer has to prove that it knows one.
 * - `tls`: a peer has to show a certificate of a known authority. `tls+secret`: both.
 * - `private`: no stranger reaches it, as it stays within the process or opens no port, or it proves its peers in a way of its own.
 * - `none`: everybody who reaches it is a peer. A node then has members on its own machine alone.
 * - `insecure`: the same, and somebody has said explicitly that members may be elsewhere nevertheless.
 *
 * @publicApi
 */
export type TransportProtection = 'secret' | 'tls' | 'tls+secret' | 'private' | 'none' | 'insecure';

/** How a client reaches nodes: it dials, and nobody dials it. Best effort, as {@link RaftTransport}. @publicApi */
export interface RaftClientTransport {
  /** How nodes prove to this client that they are nodes. Default `none`. */
  readonly protection?: TransportProtection;

  start(host: ClientTransportHost): void;
  /** Keeps a connection to `address`, redialling with a jittered back-off, until {@link disconnect}. Idempotent. */
  connect(address: string): void;
  disconnect(address: string): void;
  /** Never blocks and never throws. @returns false where it was dropped */
  send(address: string, request: RequestMessage): boolean;
  /** Closes every connection. Idempotent. */
  stop(): Promise<void>;
}

/**
 * How peers talk: best effort. A message may be lost, repeated, reordered or late; it is never altered.
 *
 * @publicApi
 */
export interface RaftTransport {
  /** How it keeps strangers out; judged before it is started. Default `none`: only addresses of this machine are accepted. */
  readonly protection?: TransportProtection;

  /**
   * Starts to listen and to serve `host`. It may be called again once {@link RaftTransport.stop} has resolved: a node that is
   * repaired comes back in the same process.
   *
   * @returns the address that it is bound to, `host:port`
   * @throws RaftError `RAFT_CONFIGURATION` with a sentence where the port is busy or the address can't be had
   */
  start(host: TransportHost): Promise<string>;

  /** Keeps a connection to `address`, redialling with a jittered back-off, until {@link disconnect}. Idempotent. */
  connect(address: string): void;

  disconnect(address: string): void;

  /**
   * Hands a message over for `address`. Never blocks and never throws: where there is no connection, or its backlog is full,
   * the message is dropped.
   *
   * @returns false where it was dropped
   */
  send(address: string, message: PeerMessage): boolean;

  /** Bytes that were handed over for `address` and haven't left this process. */
  backlogBytes(address: string): number;

  /** This node's identity changed (genesis was adopted): says hello again on every connection. */
  announce(): void;

  /**
   * Ends the connections over which `sender` came, the very object that {@link TransportHost.receive} was given, and tells the
   * peer why. Absent: they stay open, and what comes over them is dropped.
   */
  turnAway?(sender: Hello, sentence: string): void;

  /** Closes every connection and stops listening. Idempotent. */
  stop(): Promise<void>;
}
