/** The database is a real one, and so is the time that it is waited for: no simulator runs this room. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Milliseconds that only grow. */
export function elapsedMs(): number {
  return performance.now();
}
