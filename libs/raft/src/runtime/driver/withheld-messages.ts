import type { WithheldMessage } from '../../core/base/effects';
import type { Message } from '../../core/base/messages';

/**
 * Messages that say something which isn't durable yet: a vote, a campaign, an acknowledgement. Each waits for its batch
 * (thesis §3.8: term and vote are written before the answer; §10.2.1: so are entries before they are acknowledged).
 */
export class WithheldMessages {
  private waiting: WithheldMessage[] = [];

  hold(message: WithheldMessage): void {
    this.waiting.push(message);
  }

  /**
   * Hands over, in their order, the messages whose batch is durable.
   *
   * @param landed the number of the last batch that is
   */
  release(landed: number, send: (message: Message) => void): void {
    if (this.waiting.length === 0) return;
    const waiting = this.waiting;
    this.waiting = waiting.filter((withheld) => withheld.after > landed);
    for (const withheld of waiting) if (withheld.after <= landed) send(withheld.message);
  }
}
