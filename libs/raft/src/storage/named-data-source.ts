/**
 * A storage that was given the name of a Nest data source, and needs its connection options before it can be opened. The Nest
 * module finds them (`getDataSourceToken(name)`, then `.options`) and hands them over.
 */
export interface NeedsDataSource {
  /** The name, or undefined where nothing is missing. */
  readonly dataSourceName: string | undefined;

  /** @param options `DataSource.options` of the data source of that name */
  useDataSourceOptions(options: object): void;
}

/** @returns whether `storage` still waits for the options of a named data source */
export function needsDataSource(storage: object): storage is NeedsDataSource & { readonly dataSourceName: string } {
  return 'dataSourceName' in storage && typeof storage.dataSourceName === 'string' && 'useDataSourceOptions' in storage;
}
