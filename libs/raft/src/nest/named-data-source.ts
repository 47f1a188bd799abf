import type { DiscoveryService } from '@nestjs/core';
import { RaftError } from '../core/raft-error';
import { needsDataSource } from '../storage/named-data-source';

/**
 * Gives a storage that names a data source of the application its connection options.
 *
 * @throws RaftError `RAFT_CONFIGURATION` where the application has no such data source
 */
export function giveDataSourceOptions(storage: object | undefined, discovery: DiscoveryService): void {
  if (storage === undefined || !needsDataSource(storage)) {
    return;
  }
  const name = storage.dataSourceName;
  storage.useDataSourceOptions(
    dataSourceOptionsOf(
      name,
      discovery,
      `storage is typeOrmStorage({ dataSource: '${name}' })`,
      "give the storage the address itself: typeOrmStorage({ url: 'postgresql://…' })",
    ),
  );
}

/** @returns the connection options of the data source that replicated tables name @throws RaftError `RAFT_CONFIGURATION` */
export function dataSourceOptionsForTables(name: string, discovery: DiscoveryService): object {
  return dataSourceOptionsOf(
    name,
    discovery,
    `a state machine is made with typeOrmTables(), on the data source '${name}'`,
    "give typeOrmTables() the address itself: { url: 'postgresql://…' }",
  );
}

/**
 * TypeORM isn't loaded for this: the provider is known by its token, which for a name is `<name>DataSource`, and for the data
 * source without one TypeORM's class.
 */
function dataSourceOptionsOf(name: string, discovery: DiscoveryService, wanted: string, remedy: string): object {
  const found = discovery
    .getProviders()
    .find(({ token }) =>
      name === 'default' ? typeof token === 'function' && token.name === 'DataSource' : token === `${name}DataSource`,
    );
  const options = (found?.instance as { readonly options?: unknown } | undefined)?.options;
  if (typeof options === 'object' && options !== null) return options;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `RaftModule: ${wanted}, and the application has no TypeORM data source of that name. Import TypeOrmModule.forRoot(${name === 'default' ? '{ … }' : `{ name: '${name}', … }`}), or ${remedy}.`,
  );
}
