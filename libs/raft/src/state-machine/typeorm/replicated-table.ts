/** A table whose rows are replicated, as the database has it. */
export interface ReplicatedTable {
  readonly oid: number;
  /** Without its schema, as it stands in the catalog. */
  readonly name: string;
  /** Qualified and quoted. */
  readonly path: string;
  /** Those that are stored, in their order, quoted; generated ones follow from them. */
  readonly columns: readonly string[];
}
