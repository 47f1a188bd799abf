/** A seed that once failed, and what it found. It runs before all others. */
export interface Regression {
  readonly seed: number;
  readonly found: string;
}

export const REGRESSIONS: readonly Regression[] = [];
