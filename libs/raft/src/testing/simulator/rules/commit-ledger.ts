import { decodeConfiguration } from '../../../core/membership/configuration-codec';
import type { Configuration, ConfigurationInForce } from '../../../core/base/configuration';
import type { Entry } from '../../../core/base/entry';
import type { ReplicaId } from '../../../core/base/types';
import { entryAt, type DiskGroup } from '../simulated/simulated-disk';
import type { Verdict } from '../base/violation';

interface Committed {
  readonly entry: Entry;
  /** No leader of a later term may lack it. */
  readonly byTerm: number;
}

/** What a replica holds durably, or held when its disk was wiped: a quorum is counted over these. */
export type DurableLogs = (replica: ReplicaId) => DiskGroup | undefined;

/**
 * The one log that the cluster has committed, as it becomes known: whoever says first that an index is committed says what
 * stands there, and from then on nobody may say otherwise (state-machine safety, leader completeness, thesis §3.6.3).
 */
export class CommitLedger {
  private readonly committed: Committed[] = [];
  /** Genesis, and those that were committed since. */
  private readonly configurations: ConfigurationInForce[] = [];

  /** @param added told of each entry as it becomes part of the ledger */
  constructor(
    private readonly verdict: Verdict,
    private readonly durable: DurableLogs,
    private readonly added: (entry: Entry) => void,
  ) {}

  get lastIndex(): number {
    return this.committed.length;
  }

  /** The newest that is committed; undefined before the first commit. */
  get membership(): ConfigurationInForce | undefined {
    return this.configurations.at(-1);
  }

  /** @returns the one in force at this index */
  membershipAt(index: number): ConfigurationInForce | undefined {
    return this.configurations.findLast((configuration) => configuration.index <= index);
  }

  at(index: number): Entry | undefined {
    return this.committed[index - 1]?.entry;
  }

  /**
   * Somebody treats this entry as committed.
   *
   * @param term what the term of whoever says so is at least
   */
  commit(entry: Entry, term: number, configuration: Configuration, who: string): void {
    const { index } = entry;
    const known = this.committed[index - 1];
    if (known !== undefined) {
      this.verdict.check(
        isSame(known.entry, entry),
        'committed entries never change',
        () => `${who} has ${nameOf(entry)} where ${nameOf(known.entry)} was committed`,
      );
      return;
    }
    this.verdict.check(
      index === this.committed.length + 1,
      'entries are committed in order',
      () => `${who} commits ${nameOf(entry)} behind index ${this.committed.length}`,
    );
    this.checkQuorum(entry, configuration, who);
    if (entry.kind === 'configuration')
      this.configurations.push({ index, configuration: decodeConfiguration(entry.data) });
    this.committed.push({ entry, byTerm: term });
    this.added(entry);
  }

  /** A disk holds these entries as committed. */
  commitRange(log: DiskGroup, from: number, to: number, term: number, who: string): void {
    for (let index = from; index <= to; index++) {
      const entry = entryAt(log, index);
      if (entry !== undefined) this.commit(entry, term, log.configuration.configuration, who);
    }
  }

  /** A replica has just won an election: everything that an earlier term committed is in its log. */
  checkLeader(log: DiskGroup, term: number, who: string): void {
    for (const { entry, byTerm } of this.committed) {
      if (byTerm >= term || entry.index <= log.origin.index) continue;
      const own = entryAt(log, entry.index);
      this.verdict.check(
        own !== undefined && isSame(own, entry),
        'leader completeness',
        () => `${who} leads term ${term} without ${nameOf(entry)}, which was committed by term ${byTerm}`,
      );
    }
  }

  /** What is cut from a disk was not committed. */
  checkTruncation(log: DiskGroup, from: number, who: string): void {
    const to = Math.min(this.committed.length, log.origin.index + log.entries.length);
    for (let index = from; index <= to; index++) {
      const cut = entryAt(log, index);
      const { entry } = this.committed[index - 1]!;
      this.verdict.check(
        cut === undefined || !isSame(cut, entry),
        'committed entries are never cut off',
        () => `${who} drops ${nameOf(entry)}`,
      );
    }
  }

  /**
   * Under the configuration before the entry, or the one before that: what follows a configuration's entry may be committed in
   * one step with it, when it isn't in force yet.
   */
  private checkQuorum(entry: Entry, first: Configuration, who: string): void {
    if (this.configurations.length === 0) this.configurations.push({ index: 0, configuration: first });
    const inForce = this.configurations.slice(-2).map(({ configuration }) => configuration);
    const isHeld = inForce.some((configuration) => this.isHeldByQuorum(entry, configuration));
    this.verdict.check(
      isHeld,
      'a quorum holds what is committed',
      () =>
        `${who} commits ${nameOf(entry)}, which no quorum of ${JSON.stringify(inForce.map(({ voters, outgoing }) => [voters, outgoing]))} holds`,
    );
  }

  private isHeldByQuorum(entry: Entry, configuration: Configuration): boolean {
    for (const voters of [configuration.voters, configuration.outgoing]) {
      if (voters.length === 0) continue;
      const holders = voters.filter((voter) => {
        const log = this.durable(voter);
        // What a snapshot covers was committed when it was taken.
        if (log !== undefined && entry.index <= log.origin.index) return true;
        const own = log && entryAt(log, entry.index);
        return own !== undefined && isSame(own, entry);
      });
      if (holders.length * 2 <= voters.length) return false;
    }
    return true;
  }
}

export function isSame(left: Entry, right: Entry): boolean {
  return left.term === right.term && left.checksum === right.checksum;
}

export function nameOf({ index, term, kind, checksum }: Entry): string {
  return `entry ${index}@${term} (${kind}, ${checksum.toString(16)})`;
}
