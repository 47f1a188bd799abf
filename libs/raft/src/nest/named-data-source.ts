import type { DiscoveryService } from '@nestjs/core';
import { RaftError } from '../core/raft-error';
import { needsDataSource } from '../storage/named-data-source';

/**
 * Gives a storage that names a data source of the application its connection options. TypeORM isn't loaded for this: the
 * provider is known by its token, which for a name is `<name>DataSource`, and for the data source without one TypeORM's class.
 *
 * @throws RaftError `RAFT_CONFIGURATION` where the application has no such data source
 */
export function giveDataSourceOptions(storage: object | undefined, discovery: DiscoveryService): void {
  if (storage === undefined || !needsDataSource(storage)) {
    return;
  }
  const name = storage.dataSourceName;
  const found = discovery
    .getProviders()
    .find(({ token }) =>
      name === 'default' ? typeof token === 'function' && token.name === 'DataSource' : token === `${name}DataSource`,
    );
  const options = (found?.instance as { readonly options?: unknown } | undefined)?.options;
  if (typeof options !== 'object' || options === null) {
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `RaftModule: storage is typeOrmStorage({ dataSource: '${name}' }), and the application has no TypeORM data source of that name. Import TypeOrmModule.forRoot(${name === 'default' ? '{ … }' : `{ name: '${name}', … }`}), or give the storage the address itself: typeOrmStorage({ url: 'postgresql://…' }).`,
    );
  }
  storage.useDataSourceOptions(options);
}
