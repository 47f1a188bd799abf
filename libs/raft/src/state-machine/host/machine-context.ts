import { crc32c, crc32cOfSafeInteger } from '../../core/base/checksum';
import { SeededRandom } from '../../core/base/random';
import type { LogId } from '../../core/base/types';
import { CommandContext, QueryContext } from '../declare/command-context';
import type { CommandSession } from '../entries/command-envelope';
import { sealPlainData } from '../snapshot/plain-state';

/** The context that the host hands to a command. */
export class HostCommandContext extends CommandContext {
  private generator: SeededRandom | undefined;
  private emitted: unknown[] = [];
  private ended = false;

  /** @param machineSeed tells the machines of a group apart; see {@link machineSeed} */
  constructor(
    readonly index: number,
    readonly term: number,
    readonly now: number,
    readonly session: CommandSession | undefined,
    private readonly machineSeed: number,
  ) {
    super();
  }

  date(): Date {
    return new Date(this.now);
  }

  random(): number {
    return (this.generator ??= new SeededRandom(this.seed())).next();
  }

  emit(change: unknown): void {
    if (this.ended)
      throw new Error('A command has ended when it returns or throws: it can tell of no change afterwards.');
    // Whether anybody listens must not show.
    sealPlainData(change, 'the change');
    this.emitted.push(change);
  }

  /** Called when the command has returned or thrown. @returns what it told */
  end(): readonly unknown[] {
    this.ended = true;
    return this.emitted;
  }

  /** The time is in it so that two clusters, whose indexes are the same, don't draw the same numbers. */
  private seed(): number {
    return crc32cOfSafeInteger(crc32cOfSafeInteger(this.machineSeed, this.index), this.now);
  }
}

/** @returns the seed that a machine's name gives */
export function machineSeed(name: string): number {
  return crc32c(0, Buffer.from(name, 'utf8'));
}

/** The context that the host hands to a query. */
export class HostQueryContext extends QueryContext {
  readonly index: number;
  readonly term: number;

  constructor(
    last: LogId,
    readonly now: number,
  ) {
    super();
    this.index = last.index;
    this.term = last.term;
  }
}
