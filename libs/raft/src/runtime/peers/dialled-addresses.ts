import type { RaftTransport } from '../../transport/contract';

/** For how long a node that is no member is dialled after it asked something, and how many such there may be. */
const TEMPORARY_MS = 10_000;
const MOST_TEMPORARY = 16;

/** Why each address is dialled: a member is there by the membership, one may be there, or a node that asked something is. */
export class DialledAddresses {
  private readonly members = new Set<string>();
  private readonly hints = new Set<string>();
  /** Nodes that are no members and asked something, by address, and until when they are dialled. */
  private readonly temporary = new Map<string, number>();

  constructor(
    private readonly transport: RaftTransport,
    /** Nobody needs the connection to this address now. */
    private readonly hungUp: (address: string) => void,
  ) {}

  get ofMembers(): ReadonlySet<string> {
    return this.members;
  }

  get ofHints(): ReadonlySet<string> {
    return this.hints;
  }

  /** Dials these members, and no others from now on. */
  dial(addresses: Iterable<string>): void {
    this.replace(this.members, new Set(addresses));
  }

  /** Tries these hints, and no others from now on. */
  try(addresses: ReadonlySet<string>): void {
    this.replace(this.hints, addresses);
  }

  /** Dials a node for a while that is no member, or not known to be one. */
  invite(address: string, nowMs: number): void {
    if (this.members.has(address) || this.hints.has(address)) return;
    if (!this.temporary.has(address)) {
      if (this.temporary.size >= MOST_TEMPORARY) return;
      this.transport.connect(address);
    }
    this.temporary.set(address, nowMs + TEMPORARY_MS);
  }

  /** Lets go of those that asked something once, and that nobody has invited since. */
  dropTemporary(nowMs: number): void {
    for (const [address, untilMs] of this.temporary) {
      if (untilMs > nowMs) continue;
      this.temporary.delete(address);
      this.hangUpUnlessWanted(address);
    }
  }

  private replace(held: Set<string>, wanted: ReadonlySet<string>): void {
    for (const address of held) {
      if (wanted.has(address)) continue;
      held.delete(address);
      this.hangUpUnlessWanted(address);
    }
    for (const address of wanted) {
      if (held.has(address)) continue;
      held.add(address);
      this.transport.connect(address);
    }
  }

  private hangUpUnlessWanted(address: string): void {
    if (this.members.has(address) || this.hints.has(address) || this.temporary.has(address)) return;
    this.hungUp(address);
    this.transport.disconnect(address);
  }
}
