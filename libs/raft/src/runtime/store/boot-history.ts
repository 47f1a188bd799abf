/** The boot history of a node: each start (boot) of its own store, and the last one of each other member. */

import type { ReplicaId } from '../../core/base/types';
import type { RaftStorage, StoreIdentity } from '../../storage/contract';
import type { Hello, KnownBoot } from '../../transport/contract';
import { errorMessage } from '../base/error-message';
import { bootChainOf, type BootChain, continuationOf, nextBoot } from './boots';
import type { RaftLogger } from '../base/logger';
import { decodeNotes, encodeNotes, NO_NOTES, type Notes, type RepairNote } from './notes';

/** Of how many replicas the last life is remembered. */
const MOST_KNOWN = 64;
/** After how long a note that could not be written is tried again. */
const RETRY_MS = 1000;

/** @returns the first notes of a store that takes the place of one that is set aside */
export function notesOfRepair(repair: RepairNote): string {
  return encodeNotes({ ...NO_NOTES, repair });
}

export interface BootHistoryPorts {
  readonly storage: Pick<RaftStorage, 'saveNotes'>;
  readonly logger: RaftLogger;
  nowMs(): number;
}

/**
 * Which lives this store has lived, and which was the last of each other replica that was heard of here: how nodes find out
 * that one of them came back with an older state of its disk. Both are in the store, so that they outlive a restart of all.
 *
 * Its own boot is durable before anybody learns of it. What is heard of others is written behind, and nothing waits for it: a
 * node whose disk stalls has to hear and to answer all the same. So what was heard in the last moments before a crash may
 * be forgotten.
 */
export class BootHistory {
  private readonly known: Map<ReplicaId, KnownBoot>;
  /** The write under way; it never fails. */
  private writing: Promise<void> | undefined;
  private changed = false;
  private retryAtMs = Number.NEGATIVE_INFINITY;
  private closed = false;
  private reason: string | null;
  private readonly places: Map<ReplicaId, string>;
  private settledHttp: string | undefined;
  private met: string | undefined;
  private replaced: number | undefined;
  /** Present where this store took the place of one that was set aside. */
  readonly repair: RepairNote | undefined;

  private constructor(
    private readonly ports: BootHistoryPorts,
    readonly own: BootChain,
    notes: Notes,
  ) {
    this.known = new Map(notes.known.map((life) => [life.replicaId, life]));
    this.reason = notes.quarantine;
    this.places = new Map((notes.places ?? []).map(({ replicaId, address }) => [replicaId, address]));
    this.settledHttp = notes.http;
    this.met = notes.metCluster;
    this.replaced = notes.replacedAtMs;
    this.repair = notes.repair;
  }

  /** Writes the present life down. @throws whatever the store throws */
  static async open(ports: BootHistoryPorts, identity: StoreIdentity, bootNonce: string): Promise<BootHistory> {
    const notes = decodeNotes(identity.notes);
    const own = nextBoot(notes.lives, identity.epoch, bootNonce, identity.previousBootNonce);
    const book = new BootHistory(ports, own, notes);
    await ports.storage.saveNotes(book.text());
    return book;
  }

  /** Why this store is in quarantine for good; null where it isn't. */
  get quarantine(): string | null {
    return this.reason;
  }

  get knownBoots(): readonly KnownBoot[] {
    return [...this.known.values()];
  }

  /** Where members were heard last that weren't where the membership said. */
  get knownPlaces(): readonly string[] {
    return [...this.places.values()];
  }

  /** Where HTTP clients reached this node when the membership last said so, too; undefined where that was never noted. */
  get http(): string | undefined {
    return this.settledHttp;
  }

  /** The cluster with which a listed peer has answered this store while it was empty. */
  get metCluster(): string | undefined {
    return this.met;
  }

  /** When a member was replaced last by another store of its name, in milliseconds since 1970. */
  get replacedAtMs(): number | undefined {
    return this.replaced;
  }

  noteReplacement(wallMs: number): void {
    this.replaced = wallMs;
    this.write();
  }

  /** @param address where the member was heard; undefined where the membership says it */
  rememberPlace(replicaId: ReplicaId, address: string | undefined): void {
    if (this.places.get(replicaId) === address) return;
    this.places.delete(replicaId);
    if (address !== undefined) this.places.set(replicaId, address);
    if (this.places.size > MOST_KNOWN) this.places.delete(this.places.keys().next().value!);
    this.write();
  }

  /** The membership says of this node what its options say. */
  settleHttp(http: string): void {
    if (this.settledHttp === http) return;
    this.settledHttp = http;
    this.write();
  }

  /** A listed peer answered with a cluster: this store, empty as it is, founds none. */
  meetCluster(clusterId: string): void {
    if (this.met === clusterId) return;
    this.met = clusterId;
    this.write();
  }

  /** @returns the sentence with which a peer is refused whose life doesn't continue the one that is remembered */
  refusalOf(peer: Hello): string | undefined {
    const remembered = this.known.get(peer.replicaId);
    if (remembered === undefined || continuationOf(remembered, bootChainOf(peer)) !== 'earlier') return undefined;
    return (
      `Node '${peer.nodeName}' (replica ${peer.replicaId}) was heard in its life ${remembered.number} before, and its store, in ` +
      `life ${peer.epoch}, knows nothing of that: the store was put back to an earlier state, or this is an old process of the ` +
      'node. Nothing that it says counts. Repair it: POST /_raft/repair on that node.'
    );
  }

  /** @returns what is wrong with this node's own store, by what a peer remembers of this replica */
  suspicionBy(peer: Hello, self: ReplicaId): string | undefined {
    const remembered = peer.knownBoots.find(({ replicaId }) => replicaId === self);
    if (remembered === undefined || continuationOf(remembered, this.own) !== 'earlier') return undefined;
    return (
      `Node '${peer.nodeName}' knows start ${remembered.number} of this store, which has no record of it in start ` +
      `${this.own.number}: it was put back to an earlier state (a restored backup, a copied disk), or another process has opened ` +
      'it since. What it has promised meanwhile is lost with its votes, so it must not take part.'
    );
  }

  /** A peer was admitted: from now on its lives have to continue this one. */
  remember({ replicaId, epoch: number, bootNonce: nonce }: Hello): void {
    if (replicaId === 0) return;
    const before = this.known.get(replicaId);
    if (before !== undefined && before.number >= number) return;
    // The one that was heard of least lately goes, in the order of the map.
    this.known.delete(replicaId);
    this.known.set(replicaId, { replicaId, number, nonce });
    if (this.known.size > MOST_KNOWN) this.known.delete(this.known.keys().next().value!);
    this.write();
  }

  /** Writes down that this store must not take part: no restart changes that. @returns when that is durable, or can't be had */
  async condemn(sentence: string): Promise<void> {
    this.reason = sentence;
    this.closed = true;
    await this.writing;
    try {
      await this.ports.storage.saveNotes(this.text());
    } catch (error) {
      this.ports.logger.warn(`The quarantine could not be written down: ${errorMessage(error)}`);
    }
  }

  tick(nowMs: number): void {
    if (this.changed && nowMs >= this.retryAtMs) this.write();
  }

  /** Nothing is written from now on. */
  close(): void {
    this.closed = true;
  }

  private write(): void {
    this.changed = true;
    if (this.writing !== undefined || this.closed || this.ports.nowMs() < this.retryAtMs) return;
    this.changed = false;
    this.writing = this.ports.storage.saveNotes(this.text()).then(
      () => this.written(false),
      () => this.written(true),
    );
  }

  private written(failed: boolean): void {
    this.writing = undefined;
    this.changed ||= failed;
    if (failed) this.retryAtMs = this.ports.nowMs() + RETRY_MS;
    else if (this.changed) this.write();
  }

  private text(): string {
    const { number, nonce, earlier } = this.own;
    return encodeNotes({
      lives: [{ number, nonce }, ...earlier],
      known: this.knownBoots,
      quarantine: this.reason,
      places: [...this.places].map(([replicaId, address]) => ({ replicaId, address })),
      http: this.settledHttp,
      metCluster: this.met,
      replacedAtMs: this.replaced,
      repair: this.repair,
    });
  }
}
