/** The persist batch: what gathers for the store, and which message waits for which batch. */

import type { Configuration } from '../base/configuration';
import type { PersistBatch, WithheldMessage } from '../base/effects';
import { invariant } from '../base/invariant';
import type { KernelOptions } from '../base/options';
import type { RaftLog } from '../log/log';
import type { Message } from '../base/messages';
import type { HardState } from '../base/types';

interface BatchUnderWay {
  readonly number: number;
  readonly carriesHardState: boolean;
  /** The end of the log that is durable here once the batch has landed; a truncation since then lowers it. */
  coversTo: number;
}

interface Waiting {
  readonly message: Message;
  readonly upTo: number;
}

/**
 * What is durable here, what is on its way to the store, and what has yet to be handed over. While one batch is under way the
 * next gathers; a message leaves only behind the batch that it depends on, and doesn't wait for a later one.
 */
export class PersistPipeline {
  private lastNumber: number;
  private underWay: BatchUnderWay | undefined;
  private durable: number;
  /** The end of the log as the store has it, or will have once the batch under way has landed. */
  private handed: number;
  private truncateFrom: number | undefined;
  private hardStateChanged = false;
  private configurationChanged = false;
  private waiting: Waiting[] = [];

  constructor(private readonly options: KernelOptions) {
    this.lastNumber = options.durable.lastBatch;
    this.durable = options.durable.lastIndex;
    this.handed = options.durable.lastIndex;
  }

  /** Entries up to here survive a crash of this node. */
  get durableIndex(): number {
    return this.durable;
  }

  markHardState(): void {
    this.hardStateChanged = true;
  }

  markConfiguration(): void {
    this.configurationChanged = true;
  }

  /**
   * The log was cut. What was to be said of the entries that are gone is never said: they may not have reached the store at
   * all, and the index will hold another entry by then.
   */
  truncated(from: number): void {
    if (from <= this.handed) {
      this.truncateFrom = Math.min(from, this.truncateFrom ?? from);
      this.handed = from - 1;
    }
    this.durable = Math.min(this.durable, from - 1);
    if (this.underWay !== undefined) this.underWay.coversTo = Math.min(this.underWay.coversTo, from - 1);
    this.waiting = this.waiting.filter((waiting) => waiting.upTo < from);
  }

  /** The store holds a snapshot in place of the log up to `lastIndex`; nothing was under way. What was to be said of the old log is never said. */
  restartBehind(lastIndex: number): void {
    invariant(this.underWay === undefined, () => `a snapshot is installed while batch ${this.lastNumber} is under way`);
    this.durable = lastIndex;
    this.handed = lastIndex;
    this.truncateFrom = undefined;
    this.waiting = this.waiting.filter((waiting) => waiting.upTo === 0);
  }

  /**
   * @param upTo the entry up to which the log must be durable before the message leaves, beside term and vote; 0 for none
   * @returns how to send it; undefined where it has to wait for a batch that isn't made yet
   */
  withhold(
    message: Message,
    upTo: number,
  ): { readonly now: Message } | { readonly later: WithheldMessage } | undefined {
    const { underWay } = this;
    const covered = underWay?.coversTo ?? this.durable;
    if (this.hardStateChanged || upTo > Math.max(covered, this.durable)) {
      this.waiting.push({ message, upTo });
      return undefined;
    }
    const needsBatch = underWay !== undefined && (underWay.carriesHardState || upTo > this.durable);
    return needsBatch ? { later: { after: underWay.number, message } } : { now: message };
  }

  /** Makes the next batch, if there is something to write and nothing under way; with it, the messages that waited for it. */
  takeBatch(
    log: RaftLog,
    hardState: HardState,
    configuration: { readonly index: number; readonly configuration: Configuration },
  ): { readonly batch: PersistBatch; readonly withheld: readonly WithheldMessage[] } | undefined {
    const pendingEntries = log.lastIndex > this.handed;
    const pending =
      pendingEntries || this.hardStateChanged || this.configurationChanged || this.truncateFrom !== undefined;
    if (this.underWay !== undefined || !pending) return undefined;

    const entries = log.window.slice(this.handed + 1, log.lastIndex, this.options.maxPersistBytes);
    invariant(entries !== undefined, () => `entry ${this.handed + 1} left the window before it was written`);
    const coversTo = this.handed + entries.length;
    const number = ++this.lastNumber;
    // One whose entry goes with a later batch goes with that: else a crash would leave it in force without its entry.
    const carriesConfiguration = this.configurationChanged && configuration.index <= coversTo;
    const batch: PersistBatch = {
      number,
      commitIndex: Math.min(log.commitIndex, coversTo),
      entries,
      ...(this.hardStateChanged && { hardState }),
      ...(this.truncateFrom !== undefined && { truncateFrom: this.truncateFrom }),
      ...(carriesConfiguration && { configuration }),
    };
    this.underWay = { number, carriesHardState: this.hardStateChanged, coversTo };
    this.handed = coversTo;
    this.hardStateChanged = false;
    if (carriesConfiguration) this.configurationChanged = false;
    this.truncateFrom = undefined;
    return { batch, withheld: this.releasedWith(number, coversTo) };
  }

  /** @throws InvariantError where it isn't the batch under way: a store answers in order */
  persisted(number: number): void {
    const { underWay } = this;
    invariant(
      underWay?.number === number,
      () =>
        `the store reports batch ${number}, while ${underWay === undefined ? 'none' : underWay.number} is under way`,
    );
    this.durable = Math.max(this.durable, underWay.coversTo);
    this.underWay = undefined;
  }

  private releasedWith(number: number, coversTo: number): readonly WithheldMessage[] {
    const withheld: WithheldMessage[] = [];
    const rest: Waiting[] = [];
    for (const waiting of this.waiting)
      if (waiting.upTo <= coversTo) withheld.push({ after: number, message: waiting.message });
      else rest.push(waiting);
    this.waiting = rest;
    return withheld;
  }
}
