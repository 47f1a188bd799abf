import type { StoreIdentity } from '../../storage/contract';
import type { RaftLogger } from '../base/logger';
import type { Scheduler, TimerHandle } from '../base/scheduler';

/**
 * The owner of the store before this process may be alive and not know yet that it lost it. As long as a proof of its is
 * good, it may answer reads; so nothing that takes a place in the cluster happens here before twice that time.
 */
export class TakeoverSilence {
  private timer: TimerHandle | undefined;

  /** @param silenceMs twice the time for which a proof of the session is good */
  constructor(
    private readonly scheduler: Scheduler,
    private readonly logger: RaftLogger,
    private readonly silenceMs: number,
  ) {}

  /** @param begin called at once where the owner before released the store, otherwise when the silence is over */
  keep({ takenOver }: StoreIdentity, begin: () => void): void {
    if (!takenOver) {
      begin();
      return;
    }
    this.logger.log(`The owner of the store before this process did not release it: silent for ${this.silenceMs} ms.`);
    this.timer = this.scheduler.setTimer(this.silenceMs, () => {
      this.timer = undefined;
      begin();
    });
  }

  /** It is no longer called. */
  cancel(): void {
    if (this.timer !== undefined) this.scheduler.clearTimer(this.timer);
    this.timer = undefined;
  }
}
