/** The state digest: what members compare to find one whose state differs. */

import type { DigestWindow } from '../snapshot/snapshot-format';
import { crc32c, crc32cOfSafeInteger } from '../../core/base/checksum';
import type { Entry } from '../../core/base/entry';
import type { CommandOutcome, SnapshotSource, StateDigest } from '../contract';
import type { HostedMachine } from './hosted-machine';

/**
 * Digests are made at multiples of this index and at each clock entry, on every node alike: a part of the format, as no option may
 * set them apart.
 */
export const DIGEST_EVERY = 8192;
/** Raised with each change of what a digest is of, or where one is made: builds that differ in it aren't compared. */
const DIGEST_RULES = 2;
/** And every so many of them hold a hash of the whole state, which has to be read for it. */
const STATE_EVERY = 8;
/** Results of every so many entries are a part of the digest; of the others only what became of them. */
const SAMPLE_EVERY = 16;
/** A member that is a minute behind is compared at a later one. */
const KEPT = 64;

const STATUS_NUMBERS: Readonly<Record<CommandOutcome['status'], number>> = {
  applied: 1,
  rejected: 2,
  failed: 3,
  sessionExpired: 4,
  busy: 5,
  conflict: 6,
};

/** A number that differs where machines, their commands, or their versions differ: only equal ones are compared. */
export function versionOf(machines: Iterable<HostedMachine>): number {
  let hash = DIGEST_RULES;
  for (const machine of machines) {
    const commands = machine.commandVersions().map(([name, version]) => `${name}:${version}`);
    const text = `${machine.name}@${machine.snapshotVersion} ${commands.sort().join(',')};`;
    hash = crc32c(hash, Buffer.from(text, 'utf8'));
  }
  return hash;
}

/** A result that can't be sent is noticed only where somebody waits for it: there the command is no other than elsewhere. */
function statusOf(outcome: CommandOutcome): CommandOutcome['status'] {
  return outcome.status === 'failed' && outcome.isApplied === true ? 'applied' : outcome.status;
}

/**
 * Digests of what the machines made of the log, for comparison among nodes: each is of the outcomes between two indexes, whose
 * sum doesn't depend on the order in which they were decided, and some of the state itself.
 */
export class Digests {
  private outcomes = 0;
  private hasCounted = false;
  /** A part of the window was counted by another version of the machines. */
  private isMixed = false;
  /** The version that the window was begun with. */
  private begunWith: number | undefined;
  private readonly kept = new Map<number, StateDigest>();
  private unread: { readonly index: number; readonly source: SnapshotSource } | undefined;

  /** @param version of the machines now: that of states that are kept elsewhere may change */
  constructor(private readonly version: () => number) {}

  get versionNow(): number {
    return this.version();
  }

  /** Whether the result of this entry is a part of the digest, and has to be encoded. */
  isSampled(index: number): boolean {
    return index % SAMPLE_EVERY === 0;
  }

  count(index: number, outcome: CommandOutcome): void {
    this.begunWith ??= this.version();
    this.hasCounted = true;
    let hash = crc32cOfSafeInteger(STATUS_NUMBERS[statusOf(outcome)], index);
    if (outcome.status === 'applied' && outcome.value !== undefined && this.isSampled(index))
      hash = crc32c(hash, outcome.value);
    this.outcomes = (this.outcomes + hash) >>> 0;
  }

  get window(): DigestWindow {
    const version = this.wholeVersion();
    return { version: version ?? 0, outcomes: this.outcomes };
  }

  /** The window can't be compared: what became of a command isn't known here, or a state that is kept elsewhere is ahead. */
  skip(): void {
    this.isMixed = true;
  }

  /** Goes on from a snapshot. */
  goOn({ version, outcomes }: DigestWindow): void {
    this.outcomes = outcomes;
    this.begunWith = this.version();
    this.isMixed = version !== this.begunWith;
    this.drop();
    this.kept.clear();
  }

  isDue({ index, kind }: Pick<Entry, 'index' | 'kind'>): boolean {
    return kind === 'clock' || index % DIGEST_EVERY === 0;
  }

  /** Whether a command was counted since the last digest. */
  get isBegun(): boolean {
    return this.hasCounted;
  }

  /**
   * Ends a window.
   *
   * @param backed hash of the states that are kept elsewhere
   * @param capture of the states in memory; called where their hash is due
   */
  end(index: number, backed: string, capture: () => SnapshotSource): void {
    const version = this.wholeVersion();
    if (version !== undefined) {
      this.kept.set(index, { index, version, outcomes: this.outcomes, backed, state: null });
      if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value!);
      if (index % (DIGEST_EVERY * STATE_EVERY) === 0 && this.unread === undefined)
        this.unread = { index, source: capture() };
    }
    this.outcomes = 0;
    this.hasCounted = false;
    this.isMixed = false;
    this.begunWith = undefined;
  }

  /** @returns undefined where not all of the window is of one version */
  private wholeVersion(): number | undefined {
    const version = this.version();
    return this.isMixed || (this.begunWith ?? version) !== version ? undefined : version;
  }

  at(index: number): StateDigest | undefined {
    return this.kept.get(index);
  }

  get newest(): StateDigest | undefined {
    return [...this.kept.values()].at(-1);
  }

  /** @returns a state that waits to be read for its hash, once; `done` takes the hash */
  takeUnread(): { readonly source: SnapshotSource; readonly done: (hash: number) => void } | undefined {
    const { unread } = this;
    if (unread === undefined) return undefined;
    this.unread = undefined;
    return {
      source: unread.source,
      done: (hash) => {
        const digest = this.kept.get(unread.index);
        if (digest !== undefined) this.kept.set(unread.index, { ...digest, state: hash });
      },
    };
  }

  /** Lets go of a state that nobody has read. */
  drop(): void {
    this.unread?.source.release();
    this.unread = undefined;
  }
}
