import type { DataSource } from 'typeorm';
import { RaftError } from '../../errors/raft-error';
import type { BackedMachine, BackedQuery } from '../declare/backing';
import { failed, outcomeOfThrown } from '../sessions/command-failure';
import type { CommandOutcome } from '../contract';
import { encodeValue } from '../codec/value-codec';
import { HostTableQueryContext } from './host-table-context';
import type { PlainResults } from './plain-result';
import { isConnectionError } from './sql-error';

type Method = (...args: unknown[]) => unknown;

/** Runs a query on this node's database, in one read-only view of it: a restore or a batch in between isn't seen. */
export async function runTableQuery(
  dataSource: DataSource,
  machine: BackedMachine,
  query: BackedQuery,
  results: PlainResults,
): Promise<CommandOutcome> {
  const method = `${machine.name}.${query.method}`;
  const queryRunner = dataSource.createQueryRunner('slave');
  try {
    await queryRunner.startTransaction('REPEATABLE READ');
    await queryRunner.query('SET TRANSACTION READ ONLY');
    const instance = machine.instance as Readonly<Record<string, Method>>;
    const context = new HostTableQueryContext(query, queryRunner.manager);
    const result = await instance[query.method]!(context, ...query.args);
    await queryRunner.commitTransaction();
    return { status: 'applied', value: encodeValue(results.of(result), 'result') };
  } catch (error) {
    if (queryRunner.isTransactionActive) await queryRunner.rollbackTransaction().catch(() => undefined);
    if (isConnectionError(error))
      throw new RaftError(
        'RAFT_STORAGE',
        `The query ${method} wasn't answered, as this node's database is out of reach. Try again, or ask another node.`,
        {
          cause: error,
          retryAfterMs: 1000,
        },
      );
    if (error instanceof RangeError) return failed(error.message);
    const outcome = outcomeOfThrown(error, method);
    if (outcome.status === 'failed')
      machine.logger?.error(`${outcome.message}${error instanceof Error ? `\n${error.stack}` : ''}`);
    return outcome;
  } finally {
    await queryRunner.release().catch(() => undefined);
  }
}
