import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { BackedCommand, BackedQuery } from '../declare/backing';
import type { CommandSession } from '../entries/command-envelope';
import { HostCommandContext } from '../host/machine-context';
import { TableCommandContext, TableQueryContext } from './table-context';

/** What the state hands to a command. */
export class HostTableCommandContext extends TableCommandContext {
  readonly index: number;
  readonly term: number;
  readonly now: number;
  readonly session: CommandSession | undefined;
  private readonly chance: HostCommandContext;
  private drawn = 0;

  /** @param origin tells clusters and machines apart, so that no two of them draw the same ids */
  constructor(
    { index, term, timeMs, session, seed }: BackedCommand,
    private readonly origin: string,
    readonly manager: EntityManager,
  ) {
    super();
    this.index = index;
    this.term = term;
    this.now = timeMs;
    this.session = session;
    this.chance = new HostCommandContext(index, term, timeMs, session, seed);
  }

  date(): Date {
    return new Date(this.now);
  }

  random(): number {
    return this.chance.random();
  }

  emit(change: unknown): void {
    this.chance.emit(change);
  }

  /** Called when the command has returned or thrown. @returns what it told */
  end(): readonly unknown[] {
    return this.chance.end();
  }

  uuid(): string {
    const hex = createHash('sha256').update(`${this.origin} ${this.index} ${++this.drawn}`).digest('hex');
    const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 3]!;
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }
}

/** What the state hands to a query. */
export class HostTableQueryContext extends TableQueryContext {
  readonly index: number;
  readonly term: number;
  readonly now: number;

  constructor(
    { last, timeMs }: BackedQuery,
    readonly manager: EntityManager,
  ) {
    super();
    this.index = last.index;
    this.term = last.term;
    this.now = timeMs;
  }
}
