import { isIntact } from '../core/base/entry';
import type { GroupId } from '../core/base/types';
import { type LoadedGroup, type RaftStorage, StoreCorruptError, type StoredSnapshot } from './contract';

export interface IntactGroup {
  readonly group: LoadedGroup;
  readonly snapshot: StoredSnapshot | undefined;
}

/** By name, as a store may come with another copy of this package. */
export function isStoreCorrupt(error: unknown): error is Error {
  return error instanceof StoreCorruptError || (error instanceof Error && error.name === 'StoreCorruptError');
}

/**
 * Loads a group with its snapshot, and refuses what contradicts itself: such a store would start, and then answer nothing, vote
 * twice or forget what it acknowledged. It holds for every implementation; what it costs doesn't depend on the log's length.
 *
 * @returns undefined where the group was never written
 * @throws StoreCorruptError says what is damaged
 * @throws what the store throws
 */
export async function loadIntact(
  storage: Pick<RaftStorage, 'load' | 'readSnapshot'>,
  groupId: GroupId,
): Promise<IntactGroup | undefined> {
  const group = await storage.load(groupId);
  if (group === undefined) return undefined;
  refuseContradictions(groupId, group);
  const snapshot = await storage.readSnapshot(groupId);
  refuseLostSnapshot(groupId, group, snapshot);
  return { group, snapshot };
}

function refuseContradictions(groupId: GroupId, group: LoadedGroup): void {
  const refuse = (what: string): never => {
    throw new StoreCorruptError(`Group '${groupId}': ${what}.`);
  };
  const { hardState, commitIndex, snapshot, lastIndex, terms, configuration, configurationEntries } = group;
  const { term, votedFor } = hardState;
  const numbers = [term, votedFor, commitIndex, group.lastBatch, snapshot.index, snapshot.term, lastIndex];
  if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0))
    refuse('a number in its stored state is no index, term or replica');
  if (lastIndex < snapshot.index) refuse(`its log ends at ${lastIndex}, before it begins at ${snapshot.index + 1}`);
  const follows = terms.every((run, at) => {
    const before = terms[at - 1] ?? { firstIndex: snapshot.index, term: snapshot.term };
    return run.firstIndex > before.firstIndex && run.firstIndex <= lastIndex && run.term >= before.term;
  });
  const covers = lastIndex === snapshot.index ? terms.length === 0 : terms[0]?.firstIndex === snapshot.index + 1;
  if (!follows || !covers) refuse("the terms of its entries don't fit together");
  const lastTerm = terms.at(-1)?.term ?? 0;
  // A log that was cut at a snapshot may stand on a later term than the one that is stored: a crash came in between.
  if (term < lastTerm)
    refuse(
      `the stored term is ${term}, and the last entry is of term ${lastTerm}: the term, and with it a vote, was lost`,
    );
  if (term === 0 && votedFor !== 0) refuse(`there is a vote for replica ${votedFor}, and no term that it was given in`);
  if (commitIndex > lastIndex)
    refuse(`entries up to ${commitIndex} were committed, and its log ends at ${lastIndex}: its tail was lost`);
  if (configuration.index > lastIndex)
    refuse(`its membership is of entry ${configuration.index}, and its log ends at ${lastIndex}: its tail was lost`);
  const broken = configurationEntries.find((entry) => !isIntact(entry));
  if (broken !== undefined) refuse(`entry ${broken.index} isn't what was written: its checksum doesn't fit`);
}

function refuseLostSnapshot(groupId: GroupId, group: LoadedGroup, stored: StoredSnapshot | undefined): void {
  const { snapshot: origin, commitIndex } = group;
  const refuse = (what: string): never => {
    throw new StoreCorruptError(`Group '${groupId}': ${what}.`);
  };
  if (stored === undefined) {
    if (origin.index > 0)
      refuse(`its log begins at entry ${origin.index + 1}, and the snapshot of what came before is gone`);
    return;
  }
  const { last, configuration } = stored.metadata;
  if (last.index < origin.index)
    refuse(
      `its log begins at entry ${origin.index + 1}, and its snapshot ends at ${last.index}: what lies between is gone`,
    );
  if (configuration.index > last.index)
    refuse(`its snapshot of entry ${last.index} names the membership of entry ${configuration.index}`);
  const term = termAt(group, last.index);
  // An install that a crash cut off leaves a snapshot that the log contradicts, but not where the log was committed.
  if (term !== undefined && term !== last.term && last.index <= commitIndex)
    refuse(
      `its snapshot is of entry ${last.index} of term ${last.term}, and the log committed that entry in term ${term}`,
    );
}

function termAt({ snapshot, lastIndex, terms }: LoadedGroup, index: number): number | undefined {
  if (index === snapshot.index) return snapshot.term;
  if (index < snapshot.index || index > lastIndex) return undefined;
  return terms.findLast(({ firstIndex }) => firstIndex <= index)?.term;
}
