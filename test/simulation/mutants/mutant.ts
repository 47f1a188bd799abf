/** A mistake that real implementations made, put back on purpose: a simulator that doesn't find it proves nothing. */
export interface Mutant {
  readonly name: string;
  readonly room: 'kernel' | 'runtime';
  /** What is wrong, and what comes of it. */
  readonly mistake: string;
  /** A seed that is known to catch it, for the short form. */
  readonly knownSeed: number;
  /** Changes the compiled library in this thread. */
  apply(): void;
}
