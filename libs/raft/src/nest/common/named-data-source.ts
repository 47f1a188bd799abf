import type { DiscoveryService } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import type { ApplicationDataSource } from '../../state-machine/declare/backing';
import { needsDataSource } from '../../storage/named-data-source';

/**
 * Gives a storage that names a data source of the application its connection options.
 *
 * @throws RaftError `RAFT_CONFIGURATION` where the application has no such data source
 */
export function giveDataSourceOptions(storage: object | undefined, discovery: DiscoveryService): void {
  if (storage === undefined || !needsDataSource(storage)) return;
  const name = storage.dataSourceName;
  storage.useDataSourceOptions(
    dataSourceOf(
      name,
      discovery,
      `storage is typeOrmStorage({ dataSource: '${name}' })`,
      "give the storage the address itself: typeOrmStorage({ url: 'postgresql://…' })",
    ).options,
  );
}

/** @returns the data source that replicated tables name @throws RaftError `RAFT_CONFIGURATION` */
export function dataSourceForTables(name: string, discovery: DiscoveryService): ApplicationDataSource {
  return dataSourceOf(
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
function dataSourceOf(
  name: string,
  discovery: DiscoveryService,
  wanted: string,
  remedy: string,
): ApplicationDataSource {
  const found = discovery
    .getProviders()
    .find(({ token }) =>
      name === 'default' ? typeof token === 'function' && token.name === 'DataSource' : token === `${name}DataSource`,
    );
  const instance = found?.instance as Partial<ApplicationDataSource> | undefined;
  if (typeof instance?.options === 'object' && instance.options !== null) return instance as ApplicationDataSource;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `RaftModule: ${wanted}, and the application has no TypeORM data source of that name. Import TypeOrmModule.forRoot(${name === 'default' ? '{ … }' : `{ name: '${name}', … }`}), or ${remedy}.`,
  );
}
