import type { Entry } from '../../../core/base/entry';
import type { LogId } from '../../../core/base/types';
import type { Verdict } from '../base/violation';

interface Known {
  readonly checksum: number;
  readonly previousTerm: number;
}

/**
 * Every entry that was ever seen, on a disk or in a message. Log matching (thesis §3.5): entries with one (term, index) are
 * the same entry, and stand on the same one; by induction, so are the logs up to them.
 */
export class EntryRegistry {
  private readonly positions: Map<number, Known>[] = [];

  constructor(private readonly verdict: Verdict) {}

  /** @param previous where the first of the entries stands */
  see(previous: LogId, entries: readonly Entry[], where: () => string): void {
    let previousTerm = previous.term;
    for (const entry of entries) {
      this.seeOne(entry, previousTerm, where);
      previousTerm = entry.term;
    }
  }

  private seeOne({ index, term, checksum }: Entry, previousTerm: number, where: () => string): void {
    const ofIndex = (this.positions[index] ??= new Map());
    const known = ofIndex.get(term);
    if (known === undefined) {
      this.verdict.check(
        previousTerm <= term,
        'terms never fall along a log',
        () => `entry ${index} of term ${term} stands on one of term ${previousTerm}, ${where()}`,
      );
      ofIndex.set(term, { checksum, previousTerm });
      return;
    }
    this.verdict.check(
      known.checksum === checksum && known.previousTerm === previousTerm,
      'log matching',
      () =>
        `two entries at index ${index} in term ${term}: checksums ${known.checksum} and ${checksum}, ` +
        `on terms ${known.previousTerm} and ${previousTerm}, ${where()}`,
    );
  }
}
