import type { Configuration, Member } from '../../core/base/configuration';
import { majorityOf } from '../../core/membership/quorum';
import type { ReplicaId } from '../../core/base/types';
import type { WitnessAnswer } from './place-calls';

/**
 * `moved`: enough voters have seen nothing of its old place, so that the store there can be part of no majority. `alone`: those who
 * answered have seen nothing of it, and they are too few to say so for all. `reachable`: it is reached where it was, too.
 */
export type PlaceVerdict = 'moved' | 'alone' | 'reachable' | 'copy' | 'broken' | 'behind';

/**
 * @param answers of the voters that were asked, by their ids: undefined where one didn't answer
 * @param lastIndex the end of the mover's log
 */
export function verdictOn(
  mover: ReplicaId,
  configuration: Configuration,
  answers: ReadonlyMap<ReplicaId, WitnessAnswer | undefined>,
  lastIndex: number,
): PlaceVerdict {
  const given = [...answers.values()].filter((answer) => answer !== undefined);
  if (given.some(({ old }) => old === 'brokenChain')) return 'broken';
  if (given.some(({ old }) => old === 'otherLife')) return 'copy';
  if (given.some(({ match }) => match > lastIndex)) return 'behind';
  if (given.some(({ old }) => old === 'sameLife')) return 'reachable';
  const silent = (id: ReplicaId): boolean => id !== mover && answers.get(id)?.old === 'silent';
  const areEnough = [configuration.voters, configuration.outgoing].every(
    (half) => half.length === 0 || half.filter(silent).length >= neededOf(half, mover),
  );
  return areEnough ? 'moved' : 'alone';
}

/**
 * How many voters have to say that a place is silent: so many that the store which may still be there finds no majority without
 * one of them. The mover's own word says nothing, as a copy would say the same.
 */
function neededOf(half: readonly ReplicaId[], mover: ReplicaId): number {
  const majority = majorityOf(half.length);
  return half.includes(mover) ? Math.min(half.length - majority + 1, half.length - 1) : majority;
}

/** @returns what is told to a node whose store must not take part, and to those who look after the cluster */
export function accusation(
  verdict: 'copy' | 'broken' | 'behind',
  { name, peer, id }: Member,
  advertise: string,
): string {
  const who = `'${name}' (replica ${id}) came up at ${advertise}, and the membership has it at ${peer}`;
  const remedy = `Remove '${name}' from the members and add it again with an empty store.`;
  switch (verdict) {
    case 'copy':
      return (
        `${who}, where its store still speaks: the one at ${advertise} runs on a copy of the disk, and takes no part. If the node ` +
        `is to move to ${advertise}, stop the one at ${peer} first.`
      );
    case 'broken':
      return `${who}. A member knows a later start of that store, and the store doesn't: it was put back to an earlier state. ${remedy}`;
    case 'behind':
      return `${who}. Its log ends before what it has acknowledged: its store was put back to an earlier state. ${remedy}`;
  }
}
