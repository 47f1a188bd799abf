/** What keeps a node from doing its part, and since when by the wall clock, in milliseconds since 1970. */
export interface Degradation {
  readonly reason: string;
  readonly sinceMs: number;
}
