import { SortedList } from '../shared/sorted-list';
import type { MessageState } from './message-record';

/** The ids of one queue's messages by their state, each in the order in which they were sent. It follows from the messages. */
export class MessagesByState implements Readonly<Record<MessageState, SortedList<number>>> {
  readonly ready = new SortedList<number>();
  readonly inFlight = new SortedList<number>();
  readonly delayed = new SortedList<number>();
  readonly dead = new SortedList<number>();
  private readonly states = new Map<number, MessageState>();

  get length(): number {
    return this.states.size;
  }

  /** @param state undefined: the message is gone */
  put(id: number, state: MessageState | undefined): void {
    const before = this.states.get(id);
    if (before === state) return;
    if (before !== undefined) this[before].delete(id);
    if (state === undefined) this.states.delete(id);
    else {
      this.states.set(id, state);
      this[state].add(id);
    }
  }
}
