import type { CommandContext, QueryContext } from '../../../state-machine/declare/command-context';
import { RaftCommand, RaftQuery } from '../../../state-machine/declare/decorators';
import { DueTimes } from './due-times';

/** So many keys at once, that no command lasts long. */
const KEYS_PER_COMMAND = 256;

/** What a machine tells when something of it ends sooner than all that it has told of. */
export interface DueEvent {
  readonly type: 'due';
  /** Cluster time in milliseconds. */
  readonly atMs: number;
}

/** What is left to end. */
export interface Expiry {
  /** Milliseconds until the next key is due; null where none is. */
  readonly nextInMs: number | null;
}

/**
 * A state machine of which things end by the cluster's time. Nothing of a state machine happens by itself: it is the command
 * {@link expire} that ends them, on every node alike, and the leader's node proposes it when the first is due.
 */
export abstract class ExpiringMachine {
  private readonly due = new DueTimes();

  @RaftCommand()
  expire(context: CommandContext): Expiry {
    for (let count = 0; count < KEYS_PER_COMMAND; count++) {
      const key = this.due.firstDue(context.now);
      if (key === undefined) break;
      // Whatever is left of it sets its time again.
      this.due.set(key, undefined);
      this.expireKey(context, key);
    }
    const nextMs = this.due.earliest();
    return { nextInMs: nextMs === undefined ? null : Math.max(0, nextMs - context.now) };
  }

  /** @returns the cluster time at which the first key is due, in milliseconds; null where none is */
  @RaftQuery()
  dueAt(_context: QueryContext): number | null {
    return this.due.earliest() ?? null;
  }

  /** Ends what of `key` is due by `context.now`, and calls {@link setDue} with what comes next. */
  protected abstract expireKey(context: CommandContext, key: string): void;

  /** @param context undefined while a snapshot is restored, of which nothing is told */
  protected setDue(context: CommandContext | undefined, key: string, atMs: number | undefined): void {
    const before = this.due.earliest();
    this.due.set(key, atMs);
    const after = this.due.earliest();
    if (context === undefined || after === undefined || (before !== undefined && after >= before)) return;
    context.emit({ type: 'due', atMs: after } satisfies DueEvent);
  }

  protected forgetDue(): void {
    this.due.clear();
  }
}
