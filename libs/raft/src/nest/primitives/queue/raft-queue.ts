import type { Subscription } from 'rxjs';
import type { RaftMachineEvent } from '../../../state-machine/entries/machine-change';
import type { Replicated } from '../../../state-machine/calls/replicated';
import { checkedCount, checkedMs } from '../shared/checked';
import type { PrimitiveParts } from '../../common/primitive';
import { type RaftReadOptions, readsOf } from '../shared/read-options';
import { refusing, type Refusals } from '../shared/refusals';
import { listenToEvents } from '../shared/listen-to-events';
import { WakeUp } from '../shared/wake-up';
import type { QueueAvailableEvent } from './message-record';
import type { QueueMachine, QueueStatus, ReceivedMessage } from './queue.machine';

/** Options of `raftQueue(name, options)`. @publicApi */
export interface RaftQueueOptions {
  /** How long a received message is hidden from others, in milliseconds by the cluster's time. Default 30,000. */
  readonly visibilityMs?: number;
  /** How often a message may be received; one that comes back after the last time is a dead letter. Default 10. */
  readonly maxAttempts?: number;
  /** How many messages the queue holds, dead letters included; above it `RAFT_BUSY`. Default 100,000. */
  readonly maxLength?: number;
}

/** @publicApi */
export interface RaftQueueReceiveOptions {
  /** How many messages at most, 1 to 100. Default 1. */
  readonly max?: number;
  /** How long to wait for the first, in milliseconds. Default 0. */
  readonly waitMs?: number;
  /** Overrides that of the queue. */
  readonly visibilityMs?: number;
  /** Ends the wait: what is received by then is returned, or nothing. */
  readonly signal?: AbortSignal;
}

/** A message that was received. @publicApi */
export interface RaftQueueMessage<T> {
  /** The log index of the command that sent it: ascending in a queue. */
  readonly id: number;
  readonly body: T;
  /** How often it was received, this time included. */
  readonly attempts: number;
  /** What proves that this receiver has it: ascending for each message, so that it serves as a fencing token. */
  readonly receipt: number;
  /** The work is done: the message is gone. @returns false: its time had ended, and another may have it */
  ack(): Promise<boolean>;
  /** Gives it back. @param delayMs when it can be received again; default 0. @returns false: its time had ended */
  nack(delayMs?: number): Promise<boolean>;
  /** Keeps it for longer. @param visibilityMs from now on. @returns false: its time had ended */
  extend(visibilityMs: number): Promise<boolean>;
}

/** A message that was received as often as it may be. @publicApi */
export interface RaftDeadLetter<T> {
  readonly id: number;
  readonly body: T;
  readonly attempts: number;
}

const FULL: Refusals = {
  QUEUE_FULL: [
    'RAFT_BUSY',
    (details) =>
      `The queue holds ${(details as { readonly length: number }).length} messages, as many as it may (maxLength). Nothing was sent. Try again later, or look at its dead letters.`,
  ],
};

const MAX_RECEIVE = 100;
const DEAD_PER_COMMAND = 256;
/** An event may be missed where a snapshot takes its place. */
const ASKS_AGAIN_MS = 5_000;

/**
 * A replicated queue of plain data. Inject it with `@InjectRaftQueue('name')`.
 *
 * A message is received by one at a time, and is hidden from others until it is acknowledged, given back, or its visibility
 * ends: then it is received again. So a message is worked on at least once, and may be twice at a time where a receiver was
 * paused: its `receipt` tells them apart, and a late `ack` returns false.
 *
 * @example
 * ```ts
 * await this.mails.send({ to: 'ann@example.org' });
 * for (const message of await this.mails.receive({ max: 10, waitMs: 20_000 })) {
 *   await this.post(message.body);
 *   await message.ack();
 * }
 * ```
 * @publicApi
 */
export class RaftQueue<T> {
  private readonly caller: Replicated<QueueMachine>;
  private readonly options: Required<RaftQueueOptions>;
  private readonly waiting = new Set<WakeUp>();
  private subscription: Subscription | undefined;
  private stopping = false;

  constructor(
    /** The queue's name. */
    readonly name: string,
    options: RaftQueueOptions,
    private readonly parts: PrimitiveParts,
  ) {
    this.caller = parts.caller as Replicated<QueueMachine>;
    const of = `of raftQueue('${name}')`;
    this.options = {
      visibilityMs: checkedMs(`visibilityMs ${of}`, options.visibilityMs ?? 30_000, 1),
      maxAttempts: checkedCount(`maxAttempts ${of}`, options.maxAttempts ?? 10, 1, 1_000_000),
      maxLength: checkedCount(`maxLength ${of}`, options.maxLength ?? 100_000, 1, 10_000_000),
    };
  }

  /**
   * @param options `delayMs`: how long before it can be received. Default 0
   * @returns the message's id
   * @throws RaftError `RAFT_BUSY` the queue is full. After `RAFT_INDETERMINATE` or `RAFT_TIMEOUT` it may be in the queue
   */
  async send(body: T, options: { readonly delayMs?: number } = {}): Promise<number> {
    const delayMs = checkedMs(`delayMs of a message for '${this.name}'`, options.delayMs ?? 0, 0);
    return refusing(FULL, this.caller.send(this.name, body, delayMs, this.options.maxLength));
  }

  /**
   * Receives the oldest messages that nobody has.
   *
   * @returns none, where none came in time
   * @throws RaftError where the answer was lost (`RAFT_INDETERMINATE`), what was received comes back after its visibility
   */
  async receive(options: RaftQueueReceiveOptions = {}): Promise<readonly RaftQueueMessage<T>[]> {
    const max = checkedCount(`max of a receive from '${this.name}'`, options.max ?? 1, 1, MAX_RECEIVE);
    const waitMs = checkedMs(`waitMs of a receive from '${this.name}'`, options.waitMs ?? 0, 0);
    const visibilityMs = checkedMs(
      `visibilityMs of a receive from '${this.name}'`,
      options.visibilityMs ?? this.options.visibilityMs,
      1,
    );
    const { signal } = options;
    // Not sooner: the application's parts are made in any order.
    this.subscription ??= listenToEvents(this.parts.events, (event) => this.onEvent(event));
    const { scheduler } = this.parts;
    const untilMs = scheduler.nowMs() + waitMs;
    const wakeUp = new WakeUp(scheduler);
    const wake = (): void => wakeUp.wake();
    signal?.addEventListener('abort', wake);
    this.waiting.add(wakeUp);
    try {
      for (;;) {
        if (this.stopping || signal?.aborted === true) return [];
        const ask = { max, visibilityMs, maxAttempts: this.options.maxAttempts };
        const received = await this.caller.receive(this.name, ask);
        const leftMs = untilMs - scheduler.nowMs();
        if (received.length > 0 || leftMs <= 0) return received.map((message) => this.messageOf(message));
        await wakeUp.wait(Math.min(leftMs, ASKS_AGAIN_MS));
      }
    } finally {
      this.waiting.delete(wakeUp);
      signal?.removeEventListener('abort', wake);
    }
  }

  /** How many messages are in which state. */
  async status(options?: RaftReadOptions): Promise<QueueStatus> {
    return readsOf(this.caller, options).status(this.name);
  }

  /** Messages that were received as often as they may be, the oldest first, page by page. */
  async *deadLetters(options?: RaftReadOptions): AsyncGenerator<RaftDeadLetter<T>, void, undefined> {
    let after: number | null = 0;
    do {
      const page: Awaited<ReturnType<Replicated<QueueMachine>['deadLetters']>> = await readsOf(
        this.caller,
        options,
      ).deadLetters(this.name, after, MAX_RECEIVE);
      yield* page.messages as readonly RaftDeadLetter<T>[];
      after = page.next;
    } while (after !== null);
  }

  /** Lets dead letters be received again. @param ids default: all. @returns how many they were */
  async redrive(ids?: readonly number[]): Promise<number> {
    return this.ofDead((some, limit) => this.caller.redrive(this.name, some, limit), ids);
  }

  /** Throws dead letters away. @param ids default: all. @returns how many they were */
  async discard(ids?: readonly number[]): Promise<number> {
    return this.ofDead((some, limit) => this.caller.discard(this.name, some, limit), ids);
  }

  /** A waiting consumer gets none, and no message is taken on the way out. */
  onModuleDestroy(): void {
    this.stopping = true;
    this.subscription?.unsubscribe();
    for (const wakeUp of this.waiting) wakeUp.wake();
  }

  private messageOf({ id, body, attempts, receipt }: ReceivedMessage): RaftQueueMessage<T> {
    const { caller, name } = this;
    return {
      id,
      body: body as T,
      attempts,
      receipt,
      ack: () => caller.ack(name, id, receipt),
      nack: async (delayMs = 0) => caller.nack(name, id, receipt, checkedMs('The delay of a message', delayMs, 0)),
      extend: async (visibilityMs) =>
        caller.extend(name, id, receipt, checkedMs('The visibility of a message', visibilityMs, 1)),
    };
  }

  private async ofDead(
    call: (ids: readonly number[] | null, limit: number) => Promise<number>,
    ids: readonly number[] | undefined,
  ): Promise<number> {
    let total = 0;
    if (ids !== undefined) {
      for (let at = 0; at < ids.length; at += DEAD_PER_COMMAND)
        total += await call(ids.slice(at, at + DEAD_PER_COMMAND), DEAD_PER_COMMAND);
      return total;
    }
    const { dead } = await this.status();
    while (total < dead) {
      const count = await call(null, Math.min(DEAD_PER_COMMAND, dead - total));
      if (count === 0) break;
      total += count;
    }
    return total;
  }

  private onEvent(event: RaftMachineEvent): void {
    const isOwn = event.kind === 'replaced' || isAvailable(event.value, this.name);
    if (!isOwn) return;
    // One of those who wait here is enough for one message; the others of the cluster are woken, too.
    const first = this.waiting.values().next().value;
    if (event.kind === 'replaced') for (const wakeUp of this.waiting) wakeUp.wake();
    else if (first !== undefined) this.wakeInTurn(first);
  }

  private wakeInTurn(wakeUp: WakeUp): void {
    this.waiting.delete(wakeUp);
    this.waiting.add(wakeUp);
    wakeUp.wake();
  }
}

function isAvailable(value: unknown, queue: string): value is QueueAvailableEvent {
  const { type, queue: of } = (value ?? {}) as Partial<QueueAvailableEvent>;
  return type === 'available' && of === queue;
}
