/** A seed that once failed, and what it found. It runs before all others. */
export interface Regression {
  readonly seed: number;
  readonly found: string;
}

export const REGRESSIONS: readonly Regression[] = [
  {
    seed: 2,
    found: 'a follower that is behind never catches up where the round trip is longer than a heartbeat interval',
  },
  {
    seed: 417,
    found:
      'a snapshot that is taken while the log is replayed carries the membership of the log’s end, not that of its entry',
  },
  {
    seed: 3000,
    found: 'entries that are read back are sent on what the log has been cut at meanwhile, without its term',
  },
  {
    seed: 24,
    found: 'a learner that had heard its leader before it knew the membership never looked into where that is',
  },
  { seed: 30, found: 'a member that had moved was taken for one that lost what it acknowledged after it was asked' },
  {
    seed: 382,
    found: 'after its leader’s connection closed, a node campaigned again before answers over a long way could arrive',
  },
  {
    seed: 241,
    found: 'a voter without a disk stays one where its replacement is cancelled: the simulator’s operator left it so',
  },
  {
    seed: 1679,
    found: 'a fetch went on with another member, whose snapshot of the same entry had other bytes, and failed its node',
  },
];
