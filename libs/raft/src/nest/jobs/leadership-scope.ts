import { isRaftError } from '../../errors/raft-error';
import type { Leadership } from '../leadership/leadership.interface';
import { isPassing } from '../primitives/shared/retryable';

/** One leadership of this node, as its jobs see it. */
export class LeadershipScope {
  private readonly warned = new Set<string>();

  /** @param sinceMs when it began, by the scheduler */
  constructor(
    readonly leadership: Leadership,
    readonly sinceMs: number,
    private readonly logger: { warn(message: string): void },
  ) {}

  /** Says what went wrong and does not pass on its own, once for each sentence: it is tried again and again. */
  warn(error: unknown, what: string): void {
    if (this.leadership.signal.aborted || isPassing(error) || isOfOtherTerm(error)) return;
    this.warnOnce(what, `${what}, and is tried again: ${String(error)}`);
  }

  warnOnce(key: string, message: string): void {
    if (this.warned.has(key)) return;
    this.warned.add(key);
    this.logger.warn(message);
  }
}

/** The machine's refusal: another leads by now, and this node learns of it in a moment. */
function isOfOtherTerm(error: unknown): boolean {
  return isRaftError(error) && error.code === 'RAFT_REJECTED' && error.reason === 'NOT_LEADING';
}
