import type { PersistBatch } from '../../core/base/effects';
import type { GroupId } from '../../core/base/types';
import { isStoreCorrupt } from '../../storage/checked-load';
import { type GroupIdentity, type GroupWrite, type RaftStorage, StoreFencedError } from '../../storage/contract';
import type { Scheduler, TimerHandle } from '../base/scheduler';
import type { StoreOwnershipProof } from './store-ownership-proof';

const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 1000;

export interface PersisterEvents {
  /** The batch with this number is durable. Numbers come in order. */
  landed(batchNumber: number, write: GroupWrite, tookMs: number): void;
  /** The session showed that it is alive. */
  proved(): void;
  /** The store failed and is being recovered: nothing may be sent or promised. */
  failed(error: unknown): void;
  /** The store is well again. */
  recovered(): void;
  /** The store is no longer ours, or isn't what it was: nothing can be written again. */
  lost(sentence: string): void;
  /** What is stored isn't what was written. Left out: it is lost. */
  damaged?(error: Error): void;
}

/**
 * The one writer of a group's log. A batch that was rejected may have landed all the same: a connection that dies after
 * COMMIT was sent says nothing. So after any error the store is asked, through a new session, for the number of its last
 * batch: it is this one, and all is well; it is the one before, and the same bytes are sent again; it is another, and the
 * node stops. Nothing later is written meanwhile, because a gap could never be mended.
 *
 * A connection whose other end is gone without a word gives no error for minutes. So a call without an answer for long is
 * taken for failed, and the same way is gone; the recovery ends the session, and with it the call. Its late answer is not
 * heeded, whatever it says: by then the store has been asked.
 */
export class Persister {
  private state: 'idle' | 'writing' | 'recovering' | 'closed' = 'idle';
  private writing: GroupWrite | undefined;
  private writingSinceMs = 0;
  /** When the probe under way was sent. */
  private probingSinceMs: number | undefined;
  private askedMs = Number.NEGATIVE_INFINITY;
  /** Tells an answer of a session that is gone from one of this session. */
  private session = 0;
  private retryMs = FIRST_RETRY_MS;
  private retryTimer: TimerHandle | undefined;
  /** The number of the last batch that was ever handed to the store. */
  private lastSent: number;
  private settledTasks: (() => void)[] = [];
  /** The call of the store that is under way, or the last one. */
  private call: Promise<unknown> = Promise.resolve();

  /**
   * @param lastLanded the number of the last batch in the store
   * @param patienceMs after how long without an answer a call of the store counts as failed, in milliseconds
   */
  constructor(
    private readonly storage: RaftStorage,
    private readonly group: GroupId,
    private readonly scheduler: Scheduler,
    private readonly proof: StoreOwnershipProof,
    private readonly events: PersisterEvents,
    private lastLanded: number,
    private readonly patienceMs: number,
  ) {
    this.lastSent = lastLanded;
  }

  /** The number of the last batch that is known to be durable. */
  get landed(): number {
    return this.lastLanded;
  }

  get isDegraded(): boolean {
    return this.state === 'recovering';
  }

  /** For how long the batch under way has been waited for, with all its attempts; 0 where there is none. */
  writeAgeMs(nowMs: number): number {
    return this.writing === undefined ? 0 : nowMs - this.writingSinceMs;
  }

  /** Starts to write a batch; there is never more than one under way. */
  write(batch: PersistBatch, identity?: GroupIdentity): void {
    if (this.state === 'closed') return;
    if (this.writing !== undefined)
      throw new Error(`batch ${batch.number} was handed out while ${this.writing.number} is being written`);
    this.writingSinceMs = this.scheduler.nowMs();
    this.writing = identity === undefined ? { ...batch, group: this.group } : { ...batch, group: this.group, identity };
    if (this.state === 'idle') this.send(this.writing);
  }

  /** @returns when no batch waits or is being written */
  settled(): Promise<void> {
    if (this.writing === undefined) return Promise.resolve();
    return new Promise((resolve) => this.settledTasks.push(resolve));
  }

  /** For how long the write or the probe under way has been waited for; 0 where there is none. */
  silenceMs(nowMs: number): number {
    const probeAgeMs = this.probingSinceMs === undefined ? 0 : nowMs - this.probingSinceMs;
    return Math.max(this.writeAgeMs(nowMs), probeAgeMs);
  }

  /** Keeps the session proved while there is nothing to write, and gives up what has no answer for long. */
  tick(nowMs: number): void {
    const silentMs = nowMs - this.askedMs;
    const isWaiting = this.state === 'writing' || (this.state === 'idle' && this.probingSinceMs !== undefined);
    if (isWaiting && silentMs >= this.patienceMs) this.failed(new Error(`no answer within ${Math.round(silentMs)} ms`));
    else if (silentMs >= this.proof.validMs / 2) this.probe();
  }

  /** Asks the session now whether it is alive, because an answer waits for the proof. */
  probe(): void {
    if (this.state !== 'idle' || this.probingSinceMs !== undefined) return;
    const { session } = this;
    const sentAtMs = this.asked();
    this.probingSinceMs = sentAtMs;
    this.storage.probe().then(
      () => {
        if (session !== this.session) return;
        this.probingSinceMs = undefined;
        this.prove(sentAtMs);
      },
      (error: unknown) => {
        if (session !== this.session) return;
        this.probingSinceMs = undefined;
        // A write that is under way tells by itself, and its outcome is what has to be settled.
        if (this.state === 'idle') this.failed(error);
      },
    );
  }

  /** Nothing is written from now on. @returns when what was under way has settled */
  async close(): Promise<void> {
    this.state = 'closed';
    if (this.retryTimer !== undefined) this.scheduler.clearTimer(this.retryTimer);
    this.retryTimer = undefined;
    await this.call.catch(() => undefined);
  }

  private asked(): number {
    this.askedMs = this.scheduler.nowMs();
    return this.askedMs;
  }

  private prove(sentAtMs: number): void {
    if (this.state === 'closed') return;
    this.proof.proved(sentAtMs);
    this.events.proved();
  }

  private send(write: GroupWrite): void {
    this.state = 'writing';
    this.lastSent = write.number;
    const sentAtMs = this.asked();
    const { session } = this;
    const call = this.storage.persist([write]);
    this.call = call;
    call.then(
      () => {
        if (this.state === 'closed' || session !== this.session) return;
        this.state = 'idle';
        this.retryMs = FIRST_RETRY_MS;
        this.prove(sentAtMs);
        this.land(write);
      },
      (error: unknown) => {
        if (this.state !== 'closed' && session === this.session) this.failed(error);
      },
    );
  }

  private land(write: GroupWrite): void {
    this.writing = undefined;
    this.lastLanded = write.number;
    this.events.landed(write.number, write, this.scheduler.nowMs() - this.writingSinceMs);
    if (this.writing === undefined) for (const task of this.settledTasks.splice(0)) task();
  }

  private failed(error: unknown): void {
    if (error instanceof StoreFencedError) {
      this.lose(refusedBy(error));
      return;
    }
    this.session++;
    this.probingSinceMs = undefined;
    this.state = 'recovering';
    this.events.failed(error);
    this.retryLater();
  }

  private retryLater(): void {
    const delayMs = this.retryMs;
    this.retryMs = Math.min(LONGEST_RETRY_MS, delayMs * 2);
    this.retryTimer = this.scheduler.setTimer(delayMs, () => {
      this.retryTimer = undefined;
      this.recover();
    });
  }

  private recover(): void {
    const sentAtMs = this.asked();
    const call = this.storage.recover();
    this.call = call;
    call.then(
      (batches) => {
        if (this.state !== 'recovering') return;
        this.settle(batches.get(this.group) ?? 0, sentAtMs);
      },
      (error: unknown) => {
        if (this.state !== 'recovering') return;
        if (error instanceof StoreFencedError) this.lose(refusedBy(error));
        else if (isStoreCorrupt(error)) this.stopDamaged(error);
        else this.retryLater();
      },
    );
  }

  /** The store says which batch it has last: so it is known what became of the one that was rejected. */
  private settle(stored: number, sentAtMs: number): void {
    const write = this.writing;
    if (write !== undefined && stored === write.number && stored === this.lastSent) {
      this.state = 'idle';
      this.retryMs = FIRST_RETRY_MS;
      this.events.recovered();
      this.prove(sentAtMs);
      this.land(write);
    } else if (stored === this.lastLanded) {
      this.state = 'idle';
      this.events.recovered();
      this.prove(sentAtMs);
      if (write !== undefined) this.send(write);
      else this.retryMs = FIRST_RETRY_MS;
    } else
      this.lose(
        `The store has batch ${stored} as its last, where ${this.lastLanded}${write ? ` or ${write.number}` : ''} was ` +
          'expected: it was rolled back, restored from a backup or written by somebody else. This node has stopped, so ' +
          'that it can take back nothing that it promised.',
      );
  }

  /** What is damaged stays so, however often it is read. */
  private stopDamaged(error: Error): void {
    this.state = 'closed';
    if (this.events.damaged === undefined) this.events.lost(error.message);
    else this.events.damaged(error);
  }

  private lose(sentence: string): void {
    this.state = 'closed';
    this.events.lost(sentence);
  }
}

/** Another process has opened the store, or store and node have lost count of each other: the error's own sentence says which. */
function refusedBy(error: StoreFencedError): string {
  return `The store takes nothing more from this process. ${error.message}`;
}
