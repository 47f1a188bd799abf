import type { EntityManager } from 'typeorm';
import { AsyncCommandContext, QueryContext } from '../declare/command-context';

/**
 * The first parameter of a command on replicated tables. All that it reads and writes goes through {@link manager}; it may be
 * async, and waits for nothing but that.
 *
 * @example
 * ```ts
 * @RaftCommand()
 * async deposit(context: TableCommandContext, id: string, amount: number): Promise<number> {
 *   const account = await context.manager.findOneByOrFail(Account, { id });
 *   account.balance += amount;
 *   await context.manager.save(account);
 *   return account.balance;
 * }
 * ```
 * @publicApi
 */
export abstract class TableCommandContext extends AsyncCommandContext {
  /** Within the command's transaction. It must not be kept. */
  abstract readonly manager: EntityManager;

  /** @returns a UUID (version 4 in form), the same on every node; it can be foretold, so it makes no secrets */
  abstract uuid(): string;
}

/**
 * The first parameter of a query on replicated tables.
 *
 * @publicApi
 */
export abstract class TableQueryContext extends QueryContext {
  /** On this node's own database, in a read-only transaction of its own. It must not be kept. */
  abstract readonly manager: EntityManager;
}
