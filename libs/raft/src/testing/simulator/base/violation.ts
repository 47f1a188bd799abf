/** Something that must not be was seen: the seed has failed. */
export class Violation extends Error {
  override readonly name = 'Violation';

  /** @param rule the property that doesn't hold, in a few words that are the same for all of its cases */
  constructor(
    readonly rule: string,
    detail: string,
  ) {
    super(`${rule}: ${detail}`);
  }
}

/**
 * Keeps the first violation. It is thrown too, but whoever called may catch it (the product's own error handling does), so
 * the simulation looks here after every step.
 */
export class Verdict {
  private found: Violation | undefined;

  get violation(): Violation | undefined {
    return this.found;
  }

  fail(rule: string, detail: string): never {
    const violation = new Violation(rule, detail);
    this.found ??= violation;
    throw violation;
  }

  /** The same where nobody could catch it: in what follows a promise. */
  keep(rule: string, detail: string): void {
    this.found ??= new Violation(rule, detail);
  }

  /** @param detail made only where the rule is broken */
  check(holds: boolean, rule: string, detail: () => string): void {
    if (!holds) this.fail(rule, detail());
  }
}
