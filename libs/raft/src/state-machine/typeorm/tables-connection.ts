import { DataSource } from 'typeorm';
import { RaftError } from '../../errors/raft-error';
import type { BackedMachine } from '../declare/backing';
import { isConnectionError } from './sql-error';
import { ownOptions, type TablesSettings } from './tables-options';

/**
 * @returns an open data source of our own, on the database of the tables
 * @throws RaftError `RAFT_STORAGE` the database can't be reached, `RAFT_CONFIGURATION` it can't be used as it is named
 */
export async function connectTables(machine: BackedMachine, settings: TablesSettings): Promise<DataSource> {
  const base = settings.connection((name) => machine.dataSource(name).options);
  const dataSource = new DataSource(ownOptions(base, settings));
  try {
    return await dataSource.initialize();
  } catch (error) {
    const problem = `The replicated tables of '${machine.name}' can't be opened: ${(error as Error).message}.`;
    if (isConnectionError(error))
      throw new RaftError('RAFT_STORAGE', `${problem} Start this node again when its database answers.`, {
        cause: error,
      });
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `${problem} Check the database’s address, and that entities names every entity that the others refer to.`,
      { cause: error },
    );
  }
}
