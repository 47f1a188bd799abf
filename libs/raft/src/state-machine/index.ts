export { decodeClock, encodeClock } from './clock-entry';
export { MalformedBytesError, UnknownFormatError, UnsupportedValueError } from './codec-errors';
export { CommandContext, QueryContext } from './command-context';
export {
  type CommandCall,
  type CommandSession,
  type DecodedCommand,
  decodeCommand,
  encodeCommand,
  stampCommandTime,
} from './command-envelope';
export type { AppliedState, CommandOutcome, ReplicatedStateMachine, SnapshotSource } from './contract';
export { createReplicated, type ReplicatedClient } from './create-replicated';
export { RaftCommand, RaftQuery, RaftRestore, RaftSnapshot, RaftStateMachine } from './decorators';
export { CommandAbortedError, IncompleteStateError, UnknownEntryError } from './host-errors';
export { describeMachineClass, type MachineDescription, type StateMachineClass } from './machine-class';
export type { MachineEventListener, RaftChange, RaftMachineEvent, RaftStateReplaced } from './machine-change';
export type { RaftCommandOptions } from './machine-metadata';
export { type QueryCall, decodeQuery, encodeQuery } from './query-envelope';
export { isRaftRejection, RaftRejection } from './raft-rejection';
export type { Replicated, ReplicatedQueries } from './replicated';
export type { SessionCalls } from './session-calls';
export { type SnapshotKey, SnapshotMap } from './snapshot-map';
export { StateMachineHost, type StateMachineHostOptions, type StateMachineLogger } from './state-machine-host';
export { decodeValue, encodeValue } from './value-codec';
