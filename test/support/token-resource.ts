/** Something outside the cluster that only the holder of a lock may change: it refuses a token lower than one that it has seen. */
export class TokenResource {
  highest = 0;
  accepted = 0;
  refused = 0;
  /** What must never be. */
  readonly mistakes: string[] = [];
  private readonly ownerOf = new Map<number, number>();

  /** @returns whether the write was taken */
  write(token: number, contender: number): boolean {
    const owner = this.ownerOf.get(token) ?? contender;
    this.ownerOf.set(token, owner);
    if (owner !== contender) this.mistakes.push(`the token ${token} was given to ${owner} and to ${contender}`);
    if (token < this.highest) {
      this.refused++;
      return false;
    }
    this.highest = token;
    this.accepted++;
    return true;
  }
}
