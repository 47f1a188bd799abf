import { Subscription, type Observable } from 'rxjs';
import { isRaftError } from '../../../errors/raft-error';
import type { Scheduler, TimerHandle } from '../../../runtime/base/scheduler';
import type { RaftMachineEvent } from '../../../state-machine/entries/machine-change';
import type { DueEvent, Expiry } from './expiring-machine';

/** What the driver needs of a machine's caller. */
export interface Expiring {
  /** Asks this node's own state. */
  dueAt(): Promise<number | null>;
  expire(): Promise<Expiry>;
}

export interface ExpiryDriverParts {
  readonly machine: Expiring;
  readonly events: Observable<RaftMachineEvent>;
  readonly isLeader: Observable<boolean>;
  readonly scheduler: Scheduler;
  readonly logger: { warn(message: string): void };
}

/** Node's timers can't be longer than 24 days. */
const LONGEST_MS = 24 * 3_600_000;
const RETRY_MS = 500;

/**
 * Sees to it that what is due ends while nobody calls the machine: on the leader's node, it proposes `expire` when the first
 * key is due. The state machine judges what is due by the time in the log; a call that comes early, twice, or from a node that
 * leads no more does nothing.
 */
export class ExpiryDriver {
  private readonly subscriptions = new Subscription();
  private leads = false;
  private timer: TimerHandle | undefined;
  private wakesAtMs = Infinity;
  private sweeping = false;
  private again = false;

  constructor(private readonly parts: ExpiryDriverParts) {}

  start(): void {
    this.subscriptions.add(this.parts.events.subscribe((event) => this.onEvent(event)));
    this.subscriptions.add(this.parts.isLeader.subscribe((leads) => this.lead(leads)));
  }

  stop(): void {
    this.subscriptions.unsubscribe();
    this.lead(false);
  }

  private lead(leads: boolean): void {
    this.leads = leads;
    // The times that the leader before waited for aren't known here: the first sweep tells the next.
    if (leads) this.wakeIn(0);
    else this.sleep();
  }

  private onEvent(event: RaftMachineEvent): void {
    if (!this.leads) return;
    if (event.kind === 'replaced') this.wakeIn(0);
    else if (isDue(event.value)) this.wakeIn(event.value.atMs - event.now);
  }

  private wakeIn(delayMs: number): void {
    const { scheduler } = this.parts;
    const atMs = scheduler.nowMs() + Math.min(Math.max(0, delayMs), LONGEST_MS);
    if (atMs >= this.wakesAtMs) return;
    this.sleep();
    this.wakesAtMs = atMs;
    this.timer = scheduler.setTimer(Math.ceil(atMs - scheduler.nowMs()) + 1, () => {
      this.timer = undefined;
      this.wakesAtMs = Infinity;
      void this.sweep();
    });
  }

  private sleep(): void {
    if (this.timer !== undefined) this.parts.scheduler.clearTimer(this.timer);
    this.timer = undefined;
    this.wakesAtMs = Infinity;
  }

  private async sweep(): Promise<void> {
    if (this.sweeping) {
      this.again = true;
      return;
    }
    this.sweeping = true;
    let nextInMs: number | null = null;
    try {
      // A cluster in which nothing ends gets no entry of it.
      if ((await this.parts.machine.dueAt()) !== null) ({ nextInMs } = await this.parts.machine.expire());
    } catch (error) {
      if (!isRaftError(error)) this.parts.logger.warn(`What is due could not be ended: ${String(error)}`);
      nextInMs = RETRY_MS;
    }
    this.sweeping = false;
    if (this.again) nextInMs = 0;
    this.again = false;
    if (this.leads && nextInMs !== null) this.wakeIn(nextInMs);
  }
}

function isDue(value: unknown): value is DueEvent {
  return typeof value === 'object' && value !== null && (value as { readonly type?: unknown }).type === 'due';
}
