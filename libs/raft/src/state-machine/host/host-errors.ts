/**
 * The log holds what this node can't run: a state machine or a command that it doesn't have, or a kind of entry that this
 * version doesn't know. It can't be skipped, since the nodes that have it went on; so this node stops.
 *
 * @publicApi
 */
export class UnknownEntryError extends Error {
  readonly index: number;

  constructor(index: number, problem: string) {
    super(
      `Entry ${index} ${problem}. It is committed, so it can't be skipped: give this node the version of the application that the others run.`,
    );
    this.name = 'UnknownEntryError';
    this.index = index;
  }
}

/**
 * A command failed by something of this process (its stack, its memory, its system), which says nothing about what it does on
 * another node. It is no answer, and what it changed is unknown; so this node stops.
 *
 * @publicApi
 */
export class CommandAbortedError extends Error {
  readonly index: number;

  constructor(index: number, method: string, cause: unknown) {
    super(
      `${method} at index ${index} failed by something of this process, which the other nodes needn't meet: ${String(cause)}. ` +
        'The node stops, since its state may differ now; started again, it replays the log.',
      { cause },
    );
    this.name = 'CommandAbortedError';
    this.index = index;
  }
}

/** A restore failed, or is under way: the state is neither the old nor the new one. @publicApi */
export class IncompleteStateError extends Error {
  constructor(cause?: Error) {
    super(
      cause === undefined
        ? 'A snapshot is being restored: until it is, there is no state'
        : `A snapshot was restored in part, so that there is no state until one is restored whole: ${cause.message}`,
      cause === undefined ? undefined : { cause },
    );
    this.name = 'IncompleteStateError';
  }
}

/**
 * A state that is kept elsewhere has come further, before this process started, than the replay of the log has by now: it is of
 * no one index, and a snapshot of it would apply commands twice where it is restored.
 *
 * @publicApi
 */
export class StateAheadError extends Error {
  constructor(index: number, ahead: number) {
    super(
      `The log is replayed up to entry ${index}, and a state that is kept outside of this process holds entry ${ahead} already. ` +
        'It can be captured once the replay has got there: try again then.',
    );
    this.name = 'StateAheadError';
  }
}

/**
 * What holds the state failed while a snapshot was restored: the state is the old one or none, and another attempt, from the
 * first chunk on, may go well.
 *
 * @publicApi
 */
export class RestoreInterruptedError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'RestoreInterruptedError';
  }
}
