import type { LoggerService } from '@nestjs/common';
import type { Observable, Subscription } from 'rxjs';
import type { Leadership } from './leadership.interface';
import { LeadershipLane, type LeadershipHandlers } from './leadership-lane';

/** Tells an application's providers of leaderships, each in a lane of its own: a slow one delays no other. */
export class LeadershipHooks {
  private readonly lanes: readonly LeadershipLane[];
  private readonly subscription: Subscription;

  /** @param windUpMs how long methods may take to return before the next step goes on without them */
  constructor(
    handlers: readonly LeadershipHandlers[],
    leaderships: Observable<Leadership | null>,
    logger: Pick<LoggerService, 'warn' | 'error'>,
    windUpMs: number,
  ) {
    this.lanes = handlers.map((each) => new LeadershipLane(each, logger, windUpMs));
    this.subscription = leaderships.subscribe((leadership) => {
      if (leadership !== null) {
        this.lanes.forEach((lane) => lane.begin(leadership));
      }
    });
  }

  /** Resolves when nothing is left to do for the leaderships that have ended, as far as can be waited for. */
  async woundUp(): Promise<void> {
    this.subscription.unsubscribe();
    await Promise.all(this.lanes.map((lane) => lane.woundUp()));
  }
}
