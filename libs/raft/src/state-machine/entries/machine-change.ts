/** What a command told with `context.emit(change)`. @publicApi */
export interface RaftChange<T = unknown> {
  readonly kind: 'change';
  /** The command's place in the log. One command may tell of several changes. */
  readonly index: number;
  readonly term: number;
  /** The cluster's time of the command, in milliseconds since 1970. */
  readonly now: number;
  /** The command's name. */
  readonly command: string;
  /** What was given to `emit`, frozen. */
  readonly value: T;
}

/** A snapshot has replaced the machine's state: changes up to its index weren't told here. @publicApi */
export interface RaftStateReplaced {
  readonly kind: 'replaced';
  /** The last entry that the new state holds. */
  readonly index: number;
}

/** What those who watch a machine hear. @publicApi */
export type RaftMachineEvent<T = unknown> = RaftChange<T> | RaftStateReplaced;

/** Is told of each machine's events, in the order of the log, when their entries are applied. @publicApi */
export type MachineEventListener = (machine: string, event: RaftMachineEvent) => void;
