/** Whatever takes a statement: a query runner in its transaction, or a data source. */
export interface Database {
  query(text: string, parameters?: unknown[]): Promise<unknown>;
}
