import type { ConfigurationInForce } from '../../core/base/configuration';
import type {
  ConfirmedRead,
  Effects,
  KernelStatus,
  LoadRequest,
  PersistBatch,
  RefusedRead,
  SnapshotWanted,
} from '../../core/base/effects';
import type { Entry, Proposal } from '../../core/base/entry';
import type {
  AddressUpdate,
  CancelResult,
  Kernel,
  KernelSnapshot,
  MembershipChange,
  MembershipResult,
  ProposeResult,
  TransferResult,
} from '../../core/base/kernel-api';
import type { Message } from '../../core/base/messages';
import type { LogId, ReplicaId } from '../../core/base/types';
import type { Scheduler } from '../base/scheduler';
import { WithheldMessages } from './withheld-messages';

/** What the driver does with the kernel's effects. */
export interface EffectPorts {
  send(message: Message): void;
  persist(batch: PersistBatch): void;
  apply(entries: readonly Entry[]): void;
  load(request: LoadRequest): void;
  confirmed(reads: readonly ConfirmedRead[]): void;
  refused(reads: readonly RefusedRead[]): void;
  snapshotWanted(wanted: SnapshotWanted): void;
  statusChanged(status: KernelStatus): void;
  configurationChanged(configuration: ConfigurationInForce): void;
  /** The kernel met something that must not be. It gets no more inputs. */
  fatal(error: unknown): void;
}

/**
 * Feeds one kernel and carries out what it asks for. Inputs go in at once, so that a node whose disk stalls still hears;
 * effects are taken behind them, once for all the inputs of one turn of the event loop, so that those share messages and
 * writes. What says something durable is held back until its batch has landed.
 */
export class KernelDriver {
  private readonly withheld = new WithheldMessages();
  private landed: number;
  private scheduled = false;
  private closed = false;

  /** @param lastBatch the number of the last batch in the store */
  constructor(
    readonly kernel: Kernel,
    private readonly scheduler: Scheduler,
    private readonly ports: EffectPorts,
    lastBatch: number,
  ) {
    this.landed = lastBatch;
  }

  /** Carries out what the kernel wants from the start. */
  start(): void {
    this.schedule();
  }

  /** The kernel gets no more inputs, and no more of its effects are carried out. */
  close(): void {
    this.closed = true;
  }

  /** @param clusterTimeMs undefined where this node doesn't know it */
  tick(ticks: number, clusterTimeMs: number | undefined): void {
    this.input((nowMs) => {
      for (let tick = 0; tick < ticks; tick++) this.kernel.tick(nowMs, clusterTimeMs);
    });
  }

  step(message: Message): void {
    if (this.closed) return;
    try {
      this.kernel.step(message, this.scheduler.nowMs());
      this.schedule();
    } catch (error) {
      this.fail(error);
    }
  }

  /** @returns undefined where this node has stopped */
  propose(proposal: Proposal): ProposeResult | undefined {
    if (this.closed) return undefined;
    try {
      const result = this.kernel.propose([proposal], this.scheduler.nowMs());
      this.schedule();
      return result;
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  readIndex(context: number, lease: boolean): void {
    if (this.closed) return;
    try {
      this.kernel.readIndex(context, this.scheduler.nowMs(), lease);
      this.schedule();
    } catch (error) {
      this.fail(error);
    }
  }

  /** The batch is durable: what waited for it leaves, and the kernel may count on it. */
  persisted(batchNumber: number): void {
    if (this.closed) return;
    this.landed = batchNumber;
    this.withheld.release(batchNumber, this.send);
    this.input((nowMs) => this.kernel.persisted(batchNumber, nowMs));
  }

  /** @returns false where the snapshot is of no use, or this node has stopped */
  installSnapshot(snapshot: KernelSnapshot): boolean {
    let isUseful = false;
    this.input((nowMs) => {
      isUseful = this.kernel.installSnapshot(snapshot, nowMs);
    });
    return isUseful && !this.closed;
  }

  snapshotInstalled(snapshot: KernelSnapshot): void {
    this.input((nowMs) => this.kernel.snapshotInstalled(snapshot, nowMs));
  }

  compacted(to: LogId): void {
    this.input((nowMs) => this.kernel.compacted(to, nowMs));
  }

  changeMembership(change: MembershipChange): MembershipResult | undefined {
    let result: MembershipResult | undefined;
    this.input((nowMs) => {
      result = this.kernel.changeMembership(change, nowMs);
    });
    return result;
  }

  changeAddresses(updates: readonly AddressUpdate[]): MembershipResult | undefined {
    let result: MembershipResult | undefined;
    this.input((nowMs) => {
      result = this.kernel.changeAddresses(updates, nowMs);
    });
    return result;
  }

  cancelMembershipChange(waitMs: number): CancelResult | undefined {
    let result: CancelResult | undefined;
    this.input((nowMs) => {
      result = this.kernel.cancelMembershipChange(waitMs, nowMs);
    });
    return result;
  }

  transferLeadership(target: ReplicaId | undefined): TransferResult | undefined {
    let result: TransferResult | undefined;
    this.input((nowMs) => {
      result = this.kernel.transferLeadership(target, nowMs);
    });
    return result;
  }

  applied(index: number): void {
    this.input((nowMs) => this.kernel.applied(index, nowMs));
  }

  entriesLoaded(requestId: number, entries: readonly Entry[]): void {
    this.input((nowMs) => this.kernel.entriesLoaded(requestId, entries, nowMs));
  }

  peerReachable(replica: ReplicaId): void {
    this.input((nowMs) => this.kernel.peerReachable(replica, nowMs));
  }

  peerUnreachable(replica: ReplicaId): void {
    this.input((nowMs) => this.kernel.peerUnreachable(replica, nowMs));
  }

  storageStalled(): void {
    this.input((nowMs) => this.kernel.storageStalled(nowMs));
  }

  storageLost(): void {
    this.input((nowMs) => this.kernel.storageLost(nowMs));
  }

  storageRecovered(): void {
    this.input((nowMs) => this.kernel.storageRecovered(nowMs));
  }

  private input(change: (nowMs: number) => void): void {
    if (this.closed) return;
    try {
      change(this.scheduler.nowMs());
      this.schedule();
    } catch (error) {
      this.fail(error);
    }
  }

  private schedule(): void {
    if (this.scheduled || this.closed) return;
    this.scheduled = true;
    this.scheduler.defer(this.flush);
  }

  private readonly flush = (): void => {
    this.scheduled = false;
    try {
      while (!this.closed && this.kernel.hasEffects()) this.perform(this.kernel.takeEffects());
    } catch (error) {
      this.fail(error);
    }
  };

  private perform(effects: Effects): void {
    // Before anything is sent: a new member has to have an address.
    if (effects.configuration !== undefined) this.ports.configurationChanged(effects.configuration);
    for (const message of effects.sendNow) this.ports.send(message);
    if (effects.persist !== undefined) this.ports.persist(effects.persist);
    for (const { after, message } of effects.sendAfterPersist) this.sendAfter(after, message);
    for (const request of effects.loads) this.ports.load(request);
    if (effects.apply.length > 0) this.ports.apply(effects.apply);
    // Before refused reads look for a leader.
    if (effects.status !== undefined) this.ports.statusChanged(effects.status);
    if (effects.snapshotWanted !== undefined) this.ports.snapshotWanted(effects.snapshotWanted);
    if (effects.refusedReads.length > 0) this.ports.refused(effects.refusedReads);
    if (effects.reads.length > 0) this.ports.confirmed(effects.reads);
  }

  private sendAfter(batchNumber: number, message: Message): void {
    if (batchNumber <= this.landed) this.ports.send(message);
    else this.withheld.hold({ after: batchNumber, message });
  }

  private readonly send = (message: Message): void => this.ports.send(message);

  private fail(error: unknown): void {
    if (this.closed) return;
    this.closed = true;
    this.ports.fatal(error);
  }
}
