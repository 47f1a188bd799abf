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
];
