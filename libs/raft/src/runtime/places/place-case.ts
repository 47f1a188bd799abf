import type { WitnessQuestion } from './place-calls';

/** How long, in election time-outs, what was found out about a mover may be relied on. */
const PROVED_ELECTION_TIMEOUTS = 4;

/** A member whose place is looked into, or was, and isn't in the membership yet. */
export class PlaceCase {
  isUnderWay = false;
  /** Where HTTP clients reach it, by its own word. */
  http = '';
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private provedUntilMs: number | undefined;

  constructor(
    readonly question: WitnessQuestion,
    private readonly electionTimeoutMs: number,
  ) {}

  isDue(nowMs: number): boolean {
    if (this.isUnderWay) return false;
    if (this.provedUntilMs !== undefined) return nowMs >= this.provedUntilMs;
    return nowMs - this.lookedAtMs >= this.electionTimeoutMs;
  }

  begin(): void {
    this.isUnderWay = true;
    this.provedUntilMs = undefined;
  }

  /** It may be written from now on, and for a while. */
  prove(nowMs: number): void {
    this.provedUntilMs = nowMs + PROVED_ELECTION_TIMEOUTS * this.electionTimeoutMs;
  }

  end(nowMs: number): void {
    this.isUnderWay = false;
    this.lookedAtMs = nowMs;
  }

  isProved(nowMs: number): boolean {
    return this.provedUntilMs !== undefined && nowMs < this.provedUntilMs;
  }
}
