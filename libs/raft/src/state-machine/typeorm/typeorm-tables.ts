import type { BackedMachine, BackedState, MachineBacking } from '../declare/backing';
import { type TypeOrmTablesOptions, tablesSettings } from './tables-options';
import { TablesState } from './tables-state';

/**
 * Keeps the state of a machine in the tables of TypeORM entities, in this node's own Postgres, the same on every node. Its
 * commands get a {@link TableCommandContext} with an `EntityManager`, and may be async; a command's effects, the applied index
 * and the answers that retries get are one transaction. It has neither `@RaftSnapshot()` nor `@RaftRestore()`.
 *
 * @param options which entities, and how to reach the database
 * @throws RaftError `RAFT_CONFIGURATION` names the option, its value and what to write instead
 * @example
 * ```ts
 * @RaftStateMachine('bank', typeOrmTables({ entities: [Account, Transfer] }))
 * export class Bank {
 *   @RaftCommand()
 *   async open(context: TableCommandContext, owner: string): Promise<Account> {
 *     return context.manager.save(context.manager.create(Account, { owner, balance: 0 }));
 *   }
 *
 *   @RaftQuery()
 *   accounts(context: TableQueryContext): Promise<Account[]> {
 *     return context.manager.find(Account, { order: { owner: 'ASC' } });
 *   }
 * }
 * ```
 * @publicApi
 */
export function typeOrmTables(options: TypeOrmTablesOptions): MachineBacking {
  const settings = tablesSettings(options);
  return {
    kind: 'typeOrmTables',
    stateOf: (machine: BackedMachine): BackedState => new TablesState(machine, settings),
  };
}
