/**
 * How much a chaos suite does: `npm test` runs its short form, `npm run chaos` (which sets `CHAOS_ROUNDS`) the long one.
 */
export const isLongForm = process.env.CHAOS_ROUNDS !== undefined;

/** @param counts rounds of the short form, and of the long one where `npm run chaos` names no other number */
export function rounds(counts: { readonly short: number; readonly long: number }): number {
  const given = Number(process.env.CHAOS_ROUNDS);
  if (!isLongForm) return counts.short;
  return Number.isInteger(given) && given > 0 ? given : counts.long;
}

/** Time for a test that does this many rounds. */
export function timeFor(rounds: number, msPerRound: number): number {
  return 60_000 + rounds * msPerRound;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** @param share from 0 to 1: 0.99 for the value that 99 of 100 don't pass */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('There is no quantile of nothing');
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!;
}
