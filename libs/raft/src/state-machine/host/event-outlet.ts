import type { StateMachineLogger } from './command-runner';
import { describeError, stackOf } from './host-outcomes';
import type { MachineEventListener, RaftMachineEvent } from '../entries/machine-change';

/** Where a command stands that told of changes. */
export interface ChangeOrigin {
  readonly index: number;
  readonly term: number;
  readonly timeMs: number;
  readonly command: string;
}

/** Keeps what commands tell until the entries that were applied together are done, and tells it then, in log order. */
export class EventOutlet {
  private untold: (readonly [machine: string, event: RaftMachineEvent])[] = [];
  private isOrdered = true;

  constructor(
    private readonly onEvent: MachineEventListener | undefined,
    private readonly logger: StateMachineLogger | undefined,
  ) {}

  keep(machine: string, { index, term, timeMs: now, command }: ChangeOrigin, values: readonly unknown[]): void {
    if (values.length === 0) return;
    // What commands tell that were applied together comes behind what later ones told.
    this.isOrdered &&= (this.untold.at(-1)?.[1].index ?? 0) <= index;
    for (const value of values) this.untold.push([machine, { kind: 'change', index, term, now, command, value }]);
  }

  keepReplaced(machine: string, index: number): void {
    this.untold.push([machine, { kind: 'replaced', index }]);
  }

  /** A listener belongs to this process alone: what it throws changes nothing here. */
  emit(): void {
    if (this.untold.length === 0) return;
    const events = this.untold.splice(0);
    if (!this.isOrdered) events.sort(([, one], [, other]) => one.index - other.index);
    this.isOrdered = true;
    for (const [machine, event] of events)
      try {
        this.onEvent?.(machine, event);
      } catch (error) {
        this.logger?.error(
          `Who watches ${machine} threw at index ${event.index}: ${describeError(error)}${stackOf(error)}`,
        );
      }
  }
}
