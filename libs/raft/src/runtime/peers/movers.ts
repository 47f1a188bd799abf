import type { ReplicaId } from '../../core/base/types';
import type { Hello, Boot } from '../../transport/contract';

/** A member that says that it is reached elsewhere than the membership says, since its last start. */
export interface Mover {
  readonly hello: Hello;
  /** When it was heard first, on this node's clock. */
  readonly sinceMs: number;
}

interface VouchedBoot extends Boot {
  readonly untilMs: number;
}

/** How many members may be looked at at a time. */
const MOST_MOVERS = 64;

/**
 * Which life of each member counts. One that speaks from where the membership says counts at once, as does one that is met
 * there. One that came back elsewhere counts once it has been looked into: a process with a copy of its disk could say the same.
 */
export class Movers {
  private readonly counted = new Map<ReplicaId, Boot>();
  private readonly waiting = new Map<ReplicaId, Mover>();
  /** Lives for which this node has vouched: an earlier one doesn't count meanwhile. */
  private readonly promised = new Map<ReplicaId, VouchedBoot>();

  get all(): readonly Mover[] {
    return [...this.waiting.values()];
  }

  moverOf(replica: ReplicaId): Mover | undefined {
    return this.waiting.get(replica);
  }

  isCounted({ replicaId, bootNonce }: Hello): boolean {
    return this.counted.get(replicaId)?.nonce === bootNonce;
  }

  /** Whether this node has vouched for a later life of that member. */
  isSuperseded({ replicaId, epoch }: Hello, nowMs: number): boolean {
    const promise = this.promised.get(replicaId);
    return promise !== undefined && promise.untilMs > nowMs && epoch < promise.number;
  }

  /** From now on this life counts, and what it says is the member's word. */
  count({ replicaId, epoch, bootNonce }: Hello): void {
    const before = this.counted.get(replicaId);
    if (before !== undefined && before.number > epoch) return;
    this.counted.set(replicaId, { number: epoch, nonce: bootNonce });
    if (this.waiting.get(replicaId)?.hello.bootNonce === bootNonce) this.waiting.delete(replicaId);
  }

  /** A member said that it is elsewhere. @returns whether that is news */
  met(hello: Hello, nowMs: number): boolean {
    const before = this.waiting.get(hello.replicaId)?.hello;
    if (before?.bootNonce === hello.bootNonce && before.advertise === hello.advertise) return false;
    if (before !== undefined && before.epoch > hello.epoch) return false;
    if (this.waiting.size >= MOST_MOVERS && before === undefined) return false;
    this.waiting.set(hello.replicaId, { hello, sinceMs: nowMs });
    return true;
  }

  /** It is no longer a member, or has turned out to be a copy. */
  dismiss(replica: ReplicaId): void {
    this.waiting.delete(replica);
    this.promised.delete(replica);
  }

  vouch(replica: ReplicaId, life: Boot, untilMs: number): void {
    this.promised.set(replica, { ...life, untilMs });
  }

  /** Only members are remembered. */
  keepOnly(isMember: (replica: ReplicaId) => boolean): void {
    for (const known of [this.counted, this.waiting, this.promised])
      for (const replica of known.keys()) if (!isMember(replica)) known.delete(replica);
  }
}
