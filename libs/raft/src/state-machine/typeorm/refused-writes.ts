import type { AfterQueryEvent, EntitySubscriberInterface } from 'typeorm';
import { RaftError } from '../../errors/raft-error';
import type { ApplicationDataSource } from '../declare/backing';
import { WRITE_REFUSED } from './own-schema';
import { sqlStateOf } from './sql-error';

/**
 * Words the error of a write that the guard of a replicated table has refused, in the application's own data source: everybody who
 * wrote by a repository, a query builder or SQL is told what to write instead.
 */
export class RefusedWrites implements EntitySubscriberInterface<object> {
  private constructor(private readonly dataSource: ApplicationDataSource) {}

  /** @returns undefined where the data source can't be listened to */
  static listenTo(dataSource: ApplicationDataSource): RefusedWrites | undefined {
    if (!Array.isArray(dataSource.subscribers)) return undefined;
    const listener = new RefusedWrites(dataSource);
    dataSource.subscribers.push(listener);
    return listener;
  }

  stop(): void {
    const { subscribers = [] } = this.dataSource;
    const at = subscribers.indexOf(this);
    if (at >= 0) subscribers.splice(at, 1);
  }

  /** What is thrown here takes the place of the database's error. */
  afterQuery({ success, error }: AfterQueryEvent): void {
    if (success || sqlStateOf(error) !== WRITE_REFUSED) return;
    const { schema, table } = error as { readonly schema?: string; readonly table?: string };
    const name = table === undefined ? 'A replicated table' : `${schema}.${table}`;
    throw new RaftError(
      'RAFT_OUTSIDE_COMMAND',
      `${name} was not written: it is replicated, and a write outside of a command would be on this node alone. ` +
        'Write it in a method with @RaftCommand(), through context.manager, and call that method; in a migration that every node runs, use withReplicatedTablesWritable().',
      { cause: error },
    );
  }
}
