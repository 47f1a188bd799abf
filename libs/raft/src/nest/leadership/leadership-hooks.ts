import type { LoggerService } from '@nestjs/common';
import type { Observable, Subscription } from 'rxjs';
import type { Leadership } from './leadership.interface';
import { LeadershipHookQueue, type LeadershipHandlers } from './leadership-hook-queue';

/** Tells an application's providers of leaderships, each in a lane of its own: a slow one delays no other. */
export class LeadershipHooks {
  private readonly queues: readonly LeadershipHookQueue[];
  private readonly subscription: Subscription;

  /** @param gracePeriodMs how long methods may take to return before the next step goes on without them */
  constructor(
    handlers: readonly LeadershipHandlers[],
    leaderships: Observable<Leadership | null>,
    logger: Pick<LoggerService, 'warn' | 'error'>,
    gracePeriodMs: number,
  ) {
    this.queues = handlers.map((each) => new LeadershipHookQueue(each, logger, gracePeriodMs));
    this.subscription = leaderships.subscribe((leadership) => {
      if (leadership !== null) this.queues.forEach((queue) => queue.begin(leadership));
    });
  }

  /** Resolves when nothing is left to do for the leaderships that have ended, as far as can be waited for. */
  async finished(): Promise<void> {
    this.subscription.unsubscribe();
    await Promise.all(this.queues.map((queue) => queue.finished()));
  }
}
