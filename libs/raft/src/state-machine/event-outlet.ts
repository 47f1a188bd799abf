import type { StateMachineLogger } from './command-runner';
import { describeError, stackOf } from './host-outcomes';
import type { MachineEventListener, RaftMachineEvent } from './machine-change';

/** Where a command stands that told of changes. */
export interface ChangeOrigin {
  readonly index: number;
  readonly term: number;
  readonly timeMs: number;
  readonly command: string;
}

/** Keeps what commands tell until the entries that were applied together are done, and tells it then. */
export class EventOutlet {
  private untold: (readonly [machine: string, event: RaftMachineEvent])[] = [];

  constructor(
    private readonly onEvent: MachineEventListener | undefined,
    private readonly logger: StateMachineLogger | undefined,
  ) {}

  keep(machine: string, { index, term, timeMs: now, command }: ChangeOrigin, values: readonly unknown[]): void {
    for (const value of values) this.untold.push([machine, { kind: 'change', index, term, now, command, value }]);
  }

  keepReplaced(machine: string, index: number): void {
    this.untold.push([machine, { kind: 'replaced', index }]);
  }

  /** A listener belongs to this process alone: what it throws changes nothing here. */
  tell(): void {
    if (this.untold.length === 0) return;
    for (const [machine, event] of this.untold.splice(0)) {
      try {
        this.onEvent?.(machine, event);
      } catch (error) {
        this.logger?.error(
          `Who watches ${machine} threw at index ${event.index}: ${describeError(error)}${stackOf(error)}`,
        );
      }
    }
  }
}
