import type { CommandContext, QueryContext } from '../../../state-machine/declare/command-context';
import type { SnapshotSource } from '../../../state-machine/contract';
import {
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
} from '../../../state-machine/declare/decorators';
import { RaftRejection } from '../../../state-machine/declare/raft-rejection';
import { SnapshotMap } from '../../../state-machine/snapshot/snapshot-map';
import { ExpiringMachine } from '../shared/expiring-machine';
import { MessagesByState } from './messages-by-state';
import { messageKey, type MessageRecord, type QueueAvailableEvent, splitMessageKey } from './message-record';

export interface QueueAsk {
  readonly max: number;
  readonly visibilityMs: number;
  readonly maxAttempts: number;
}

export interface ReceivedMessage {
  readonly id: number;
  readonly body: unknown;
  readonly attempts: number;
  readonly receipt: number;
}

export interface QueueStatus {
  /** To be received now. */
  readonly ready: number;
  /** Received, and neither acknowledged nor given back. */
  readonly inFlight: number;
  /** Sent with a delay that hasn't ended. */
  readonly delayed: number;
  readonly dead: number;
}

export interface DeadPage {
  readonly messages: readonly { readonly id: number; readonly body: unknown; readonly attempts: number }[];
  /** The id to go on behind; null at the end. */
  readonly next: number | null;
}

/**
 * The queues of a group, each by its name. A message is ready, in flight (received, until its receipt ends), delayed, or dead
 * (received as often as it may be). The oldest ready one comes first, one that came back in its old place.
 */
@RaftStateMachine('raft.queues')
export class QueueMachine extends ExpiringMachine {
  private readonly messages = new SnapshotMap<string, MessageRecord>();
  private readonly states = new Map<string, MessagesByState>();

  /** @returns the message's id: the index of this command */
  @RaftCommand()
  send(context: CommandContext, queue: string, body: unknown, delayMs: number, maxLength: number): number {
    const id = context.index;
    const { length } = this.statesOf(queue);
    if (length >= maxLength) throw new RaftRejection('QUEUE_FULL', { length });
    const state = delayMs > 0 ? 'delayed' : 'ready';
    const untilMs = delayMs > 0 ? context.now + delayMs : 0;
    this.store(context, queue, { id, body, state, attempts: 0, maxAttempts: 0, receipt: 0, untilMs });
    return id;
  }

  @RaftCommand()
  receive(context: CommandContext, queue: string, ask: QueueAsk): readonly ReceivedMessage[] {
    const received: ReceivedMessage[] = [];
    const { ready } = this.statesOf(queue);
    while (received.length < ask.max) {
      const id = ready.at(0);
      if (id === undefined) break;
      const message: MessageRecord = {
        ...this.recordOf(queue, id)!,
        state: 'inFlight',
        // No other message that is received ever has both the same id and the same index.
        receipt: context.index,
        untilMs: context.now + ask.visibilityMs,
        maxAttempts: ask.maxAttempts,
      };
      const { body, receipt } = message;
      const attempts = message.attempts + 1;
      this.store(context, queue, { ...message, attempts });
      received.push({ id, body, attempts, receipt });
    }
    return received;
  }

  /** @returns whether the receipt was good still: the message is gone for good */
  @RaftCommand()
  ack(context: CommandContext, queue: string, id: number, receipt: number): boolean {
    if (this.inFlight(context, queue, id, receipt) === undefined) return false;
    this.remove(context, queue, id);
    return true;
  }

  /** Gives a message back, to be received again at once or later. @returns whether the receipt was good still */
  @RaftCommand()
  nack(context: CommandContext, queue: string, id: number, receipt: number, delayMs: number): boolean {
    const message = this.inFlight(context, queue, id, receipt);
    if (message === undefined) return false;
    this.giveBack(context, queue, message, delayMs);
    return true;
  }

  /** @returns whether the receipt was good still, and is for so long from now on */
  @RaftCommand()
  extend(context: CommandContext, queue: string, id: number, receipt: number, visibilityMs: number): boolean {
    const message = this.inFlight(context, queue, id, receipt);
    if (message === undefined) return false;
    this.store(context, queue, { ...message, untilMs: context.now + visibilityMs });
    return true;
  }

  /** Lets dead letters be received again, as if they never had been. @returns how many */
  @RaftCommand()
  redrive(context: CommandContext, queue: string, ids: readonly number[] | null, limit: number): number {
    let count = 0;
    for (const id of this.chosenDead(queue, ids, limit)) {
      this.store(context, queue, { ...this.recordOf(queue, id)!, state: 'ready', attempts: 0, receipt: 0 });
      count++;
    }
    return count;
  }

  /** @returns how many dead letters are gone */
  @RaftCommand()
  discard(context: CommandContext, queue: string, ids: readonly number[] | null, limit: number): number {
    let count = 0;
    for (const id of this.chosenDead(queue, ids, limit)) {
      this.remove(context, queue, id);
      count++;
    }
    return count;
  }

  @RaftQuery()
  status(_context: QueryContext, queue: string): QueueStatus {
    const { ready, inFlight, delayed, dead } = this.states.get(queue) ?? new MessagesByState();
    return { ready: ready.length, inFlight: inFlight.length, delayed: delayed.length, dead: dead.length };
  }

  @RaftQuery()
  deadLetters(_context: QueryContext, queue: string, after: number, limit: number): DeadPage {
    const { dead } = this.states.get(queue) ?? new MessagesByState();
    const messages: { readonly id: number; readonly body: unknown; readonly attempts: number }[] = [];
    let at = dead.positionOf(after + 1);
    for (let id = dead.at(at); id !== undefined && messages.length < limit; id = dead.at(++at)) {
      const { body, attempts } = this.recordOf(queue, id)!;
      messages.push({ id, body, attempts });
    }
    return { messages, next: at < dead.length ? messages.at(-1)!.id : null };
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.messages.capture();
  }

  @RaftRestore()
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.messages.restore(chunks);
    this.states.clear();
    this.forgetDue();
    for (const [key, message] of this.messages) {
      const [queue] = splitMessageKey(key);
      this.statesOf(queue).put(message.id, message.state);
      this.setDue(undefined, key, dueOf(message));
    }
  }

  protected override expireKey(context: CommandContext, key: string): void {
    const message = this.messages.get(key);
    if (message === undefined) return;
    const [queue] = splitMessageKey(key);
    if (message.untilMs > context.now) this.setDue(context, key, dueOf(message));
    else if (message.state === 'inFlight') this.giveBack(context, queue, message, 0);
    else this.store(context, queue, { ...message, state: 'ready', untilMs: 0 });
  }

  private inFlight(context: CommandContext, queue: string, id: number, receipt: number): MessageRecord | undefined {
    const message = this.recordOf(queue, id);
    if (message?.state !== 'inFlight' || message.receipt !== receipt) return undefined;
    return message.untilMs > context.now ? message : undefined;
  }

  private giveBack(context: CommandContext, queue: string, message: MessageRecord, delayMs: number): void {
    const back = { ...message, receipt: 0, untilMs: 0 };
    if (message.attempts >= message.maxAttempts) this.store(context, queue, { ...back, state: 'dead' });
    else if (delayMs === 0) this.store(context, queue, { ...back, state: 'ready' });
    else this.store(context, queue, { ...back, state: 'delayed', untilMs: context.now + delayMs });
  }

  private *chosenDead(queue: string, ids: readonly number[] | null, limit: number): Generator<number, void, undefined> {
    const { dead } = this.statesOf(queue);
    if (ids !== null) {
      for (const id of ids) if (this.recordOf(queue, id)?.state === 'dead') yield id;
      return;
    }
    for (let count = 0; count < limit && dead.length > 0; count++) yield dead.at(0)!;
  }

  private store(context: CommandContext, queue: string, message: MessageRecord): void {
    const key = messageKey(queue, message.id);
    this.messages.set(key, message);
    this.statesOf(queue).put(message.id, message.state);
    this.setDue(context, key, dueOf(message));
    if (message.state === 'ready') context.emit({ type: 'available', queue } satisfies QueueAvailableEvent);
  }

  private remove(context: CommandContext, queue: string, id: number): void {
    const key = messageKey(queue, id);
    this.messages.delete(key);
    this.statesOf(queue).put(id, undefined);
    this.setDue(context, key, undefined);
  }

  private recordOf(queue: string, id: number): MessageRecord | undefined {
    return this.messages.get(messageKey(queue, id));
  }

  private statesOf(queue: string): MessagesByState {
    let states = this.states.get(queue);
    if (states === undefined) this.states.set(queue, (states = new MessagesByState()));
    return states;
  }
}

function dueOf({ untilMs }: MessageRecord): number | undefined {
  return untilMs === 0 ? undefined : untilMs;
}
