import type { Entry, LogId, Message } from 'nestjs-raft/core';

/** As much of the kernel's state as the mutants touch. */
export interface KernelStatePart {
  nowMs: number;
  term: number;
  votedFor: number;
  role: string;
  leader: number;
  readonly self: number;
  readonly log: LogPart;
  readonly persistence: PersistencePart;
  readonly outbox: { readonly sendNow: Message[]; readonly reads: { context: number; index: number }[] };
  readonly configuration: { readonly configuration: Electorate };
  readonly readIndex: { add(context: number, index: number): void };
  readonly committedInTerm: boolean;
  campaignsInVain: number;
  readonly progress: Map<number, { matchIndex: number; state: string; probeSequence: number }>;
}

export interface Electorate {
  readonly voters: readonly number[];
  readonly outgoing: readonly number[];
}

export interface LogPart {
  readonly commitIndex: number;
  readonly lastIndex: number;
  readonly lastId: LogId;
  readonly terms: { termAt(index: number): number | undefined };
  append(entry: Entry): void;
  truncateFrom(index: number): void;
}

export interface PersistencePart {
  readonly durableIndex: number;
  markHardState(): void;
  truncated(from: number): void;
}
