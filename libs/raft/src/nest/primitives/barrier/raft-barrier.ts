import type { Subscription } from 'rxjs';
import { RaftError } from '../../../errors/raft-error';
import type { RaftMachineEvent } from '../../../state-machine/entries/machine-change';
import type { Replicated } from '../../../state-machine/calls/replicated';
import { checkedCount, checkedMs } from '../shared/checked';
import type { PrimitiveParts } from '../../common/primitive';
import { type RaftReadOptions, readsOf } from '../shared/read-options';
import { isPassing } from '../shared/retryable';
import { listenToEvents } from '../shared/listen-to-events';
import { WakeUp } from '../shared/wake-up';
import type { BarrierAnswer, BarrierMachine, BarrierOpenEvent, BarrierStatus } from './barrier.machine';

/** Options of `raftBarrier(name, options)`. @publicApi */
export interface RaftBarrierOptions {
  /** How many have to arrive, 1 to 10,000. The last one who arrived decides. */
  readonly parties: number;
}

/** @publicApi */
export interface RaftBarrierWaitOptions {
  /** How long to wait for the others, in milliseconds. Default 30,000. */
  readonly waitMs?: number;
  /** Ends the wait: the call then fails with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How a barrier opened. @publicApi */
export interface RaftBarrierPass {
  /** Counts how often it has opened, from 1 on. */
  readonly generation: number;
  /** The place among those for whom it opened, in the order in which they arrived; one of them has 0. */
  readonly position: number;
}

/** Who waits asks again so often, and counts for three times that. */
const ASKS_AGAIN_MS = 5_000;
const KEEP_MS = 3 * ASKS_AGAIN_MS;
const RETRY_MS = 100;

/**
 * A place at which so many wait for each other, again and again: when the last one has arrived, all go on, and the next
 * generation begins. Inject it with `@InjectRaftBarrier('name')`. Who crashed while it waited no longer counts after 15 seconds.
 *
 * @example
 * ```ts
 * const { position } = await this.shardsLoaded.wait({ waitMs: 60_000 });
 * if (position === 0) await this.publish();
 * ```
 * @publicApi
 */
export class RaftBarrier {
  private readonly caller: Replicated<BarrierMachine>;
  private readonly parties: number;
  private readonly clientId: string;
  private readonly waiting = new Set<WakeUp>();
  private subscription: Subscription | undefined;
  private count = 0;
  private stopping = false;

  constructor(
    /** The barrier's name. */
    readonly name: string,
    options: RaftBarrierOptions,
    private readonly parts: PrimitiveParts,
  ) {
    this.caller = parts.caller as Replicated<BarrierMachine>;
    this.parties = checkedCount(`parties of raftBarrier('${name}')`, options.parties, 1, 10_000);
    this.clientId = parts.scheduler.randomId();
  }

  /**
   * Arrives, and waits until all have.
   *
   * @throws RaftError `RAFT_TIMEOUT` not all came in time, and this one counts no more; `RAFT_SHUTTING_DOWN`
   */
  async wait(options: RaftBarrierWaitOptions = {}): Promise<RaftBarrierPass> {
    const waitMs = checkedMs(`waitMs of the barrier '${this.name}'`, options.waitMs ?? 30_000, 0);
    // Not sooner: the application's parts are made in any order.
    this.subscription ??= listenToEvents(this.parts.events, (event) => this.onEvent(event));
    const { scheduler } = this.parts;
    const id = `${this.clientId}.${++this.count}`;
    const wakeUp = new WakeUp(scheduler);
    const wake = (): void => wakeUp.wake();
    options.signal?.addEventListener('abort', wake);
    this.waiting.add(wakeUp);
    try {
      const untilMs = scheduler.nowMs() + waitMs;
      for (;;) {
        this.throwIfEnded(options.signal);
        const answer = await this.ask(id);
        if (answer?.state === 'open') return passOf(answer);
        const leftMs = untilMs - scheduler.nowMs();
        if (leftMs <= 0) break;
        await wakeUp.wait(Math.min(leftMs, answer === undefined ? RETRY_MS : ASKS_AGAIN_MS));
      }
    } catch (error) {
      this.caller.leave(this.name, id).catch(() => undefined);
      throw error;
    } finally {
      this.waiting.delete(wakeUp);
      options.signal?.removeEventListener('abort', wake);
    }
    // It may open in this very moment: only the log knows which came first.
    const answer = await this.caller.leave(this.name, id);
    if (answer?.state === 'open') return passOf(answer);
    throw new RaftError(
      'RAFT_TIMEOUT',
      `Not all of ${this.parties} came to the barrier '${this.name}' within ${waitMs} ms. This one counts no more. Wait again, or longer.`,
    );
  }

  /** How often it has opened, and how many wait now. */
  async status(options?: RaftReadOptions): Promise<BarrierStatus> {
    return readsOf(this.caller, options).status(this.name);
  }

  onModuleDestroy(): void {
    this.stopping = true;
    this.subscription?.unsubscribe();
    this.wakeAll();
  }

  private async ask(id: string): Promise<BarrierAnswer | undefined> {
    try {
      // An answer may be lost on its way, and asking again is the same arrival.
      return await this.caller
        .$timeout(ASKS_AGAIN_MS)
        .arrive(this.name, { id, parties: this.parties, keepMs: KEEP_MS });
    } catch (error) {
      if (!isPassing(error)) throw error;
      return undefined;
    }
  }

  private onEvent(event: RaftMachineEvent): void {
    const { type, barrier } = (event.kind === 'change' ? event.value : {}) as Partial<BarrierOpenEvent>;
    if (event.kind === 'replaced' || (type === 'open' && barrier === this.name)) this.wakeAll();
  }

  private wakeAll(): void {
    for (const wakeUp of this.waiting) wakeUp.wake();
  }

  private throwIfEnded(signal: AbortSignal | undefined): void {
    if (this.stopping) throw new RaftError('RAFT_SHUTTING_DOWN', 'This node is being stopped: it waits at no barrier.');
    signal?.throwIfAborted();
  }
}

function passOf({ generation, position }: BarrierAnswer & { readonly state: 'open' }): RaftBarrierPass {
  return { generation, position };
}
