import type { MachineEventListener, RaftMachineEvent } from '../../state-machine/declare/machine-change';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';
import type { LeaderStatus, RaftPhase, RaftStatus } from '../status/status';

/** What a client may call beside commands, sessions and queries. Each is answered again and again, until the connection ends. */
export const CLIENT_STATUS = 'client.status';
export const CLIENT_WATCH = 'client.watch';
/** Ends a watch: its body is the machine's name, as the watch's. */
export const CLIENT_UNWATCH = 'client.unwatch';

/** What a node tells clients of its cluster, at once and at each change. */
export interface ClusterWord {
  readonly phase: RaftPhase;
  readonly clusterId: string;
  readonly term: number;
  readonly leader: LeaderStatus | null;
}

export type WatchedMachine = Parameters<MachineEventListener>[0];

export function clusterWord({ phase, clusterId, term, leader }: RaftStatus): ClusterWord {
  return { phase, clusterId, term, leader };
}

export function encodeClusterWord({ phase, clusterId, term, leader }: ClusterWord): Uint8Array {
  return encodeValue({ phase, clusterId, term, leader: leader === null ? null : { ...leader } });
}

export function decodeClusterWord(bytes: Uint8Array): ClusterWord {
  return decodeValue(bytes) as ClusterWord;
}

/** @throws Error where what was told holds what can't travel */
export function encodeMachineEvent(event: RaftMachineEvent): Uint8Array {
  return encodeValue({ ...event });
}

export function decodeMachineEvent(bytes: Uint8Array): RaftMachineEvent {
  return decodeValue(bytes) as RaftMachineEvent;
}

export function encodeMachineName(machine: WatchedMachine): Uint8Array {
  return Buffer.from(machine, 'utf8');
}

export function decodeMachineName(bytes: Uint8Array): WatchedMachine {
  return Buffer.from(bytes).toString('utf8');
}
