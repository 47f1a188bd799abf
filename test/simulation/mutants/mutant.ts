/** A mistake that real implementations made, put back on purpose: a simulator that doesn't find it proves nothing. */
export interface Mutant {
  readonly name: string;
  readonly room: 'kernel' | 'runtime' | 'machine';
  /** What is wrong, and what comes of it. */
  readonly mistake: string;
  /** Whether it can only be seen where leases answer reads: seeds without are left out. */
  readonly onlyWithLeases?: boolean;
  /** A seed that caught it once; it is tried first. */
  readonly knownSeed: number;
  /** Changes the compiled library in this thread. */
  apply(): void;
}
