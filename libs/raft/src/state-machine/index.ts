export { MalformedBytesError, UnknownFormatError, UnsupportedValueError } from './codec-errors';
export {
  type CommandCall,
  type CommandSession,
  type DecodedCommand,
  decodeCommand,
  encodeCommand,
  stampCommandTime,
} from './command-envelope';
export type { AppliedState, CommandOutcome, ReplicatedStateMachine, SnapshotSource } from './contract';
export { type QueryCall, decodeQuery, encodeQuery } from './query-envelope';
export { decodeValue, encodeValue } from './value-codec';
