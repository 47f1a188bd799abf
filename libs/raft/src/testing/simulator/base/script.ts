/** One fault, or one call of a client: its number says what it is, with the seed. */
export interface ScriptedStep {
  readonly number: number;
  readonly atMs: number;
}

/**
 * What happens in a run, and when. A run of a seed writes its own; a run by a script does what stands in it and nothing else,
 * so that what isn't needed for a failure can be left out.
 */
export interface Script {
  readonly faults: readonly ScriptedStep[];
  readonly calls: readonly ScriptedStep[];
  /** How many clients have sessions: each of them does what it does as one, from the beginning to the end. */
  readonly sessionClients: number;
  /** When everything is healed. */
  readonly healAtMs: number;
}
