/** How many addresses are tried where those of the membership fail. */
const MOST_HINTS = 64;

/**
 * Addresses at which a member may be that isn't reached where the membership says: those that this node was started with, those at
 * which its peers were heard last, and those that other members know. A hint says nothing of who is there: that, the node which
 * answers has to show.
 */
export class AddressHints {
  private readonly fixed: ReadonlySet<string>;
  /** In the order in which they were heard of last. */
  private readonly learned = new Set<string>();

  /** @param given the start list and the join list; they are never forgotten */
  constructor(given: readonly string[]) {
    this.fixed = new Set(given);
  }

  add(address: string): void {
    if (address === '' || this.fixed.has(address)) return;
    this.learned.delete(address);
    this.learned.add(address);
    if (this.learned.size > MOST_HINTS) this.learned.delete(this.learned.keys().next().value!);
  }

  get addresses(): readonly string[] {
    return [...this.fixed, ...this.learned];
  }
}
