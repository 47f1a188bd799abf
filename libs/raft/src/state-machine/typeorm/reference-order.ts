import { RaftError } from '../../errors/raft-error';

/** A foreign key, from the table that has it to the one that it names. */
export interface Reference {
  readonly from: number;
  readonly to: number;
  readonly name: string;
  /** It may be checked at the end of a transaction, so that rows may come in any order. */
  readonly deferrable: boolean;
}

/**
 * @returns the tables so that each stands behind those that it refers to
 * @throws RaftError `RAFT_CONFIGURATION` where tables refer to each other in a circle
 */
export function inOrderOfReferences<T extends { readonly oid: number; readonly path: string }>(
  tables: readonly T[],
  references: readonly Reference[],
): readonly T[] {
  const holding = references.filter(({ from, to, deferrable }) => from !== to && !deferrable);
  const ordered: T[] = [];
  let left = [...tables].sort((one, other) => (one.path < other.path ? -1 : 1));
  while (left.length > 0) {
    const free = left.filter(
      ({ oid }) => !holding.some(({ from, to }) => from === oid && left.some((table) => table.oid === to)),
    );
    if (free.length === 0)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `The tables ${left.map(({ path }) => path).join(' and ')} refer to each other in a circle, so that no order restores them: ` +
          `make one of the constraints ${holding
            .filter(({ from }) => left.some(({ oid }) => oid === from))
            .map(({ name }) => name)
            .join(', ')} DEFERRABLE.`,
      );
    ordered.push(...free);
    left = left.filter((table) => !free.includes(table));
  }
  return ordered;
}
