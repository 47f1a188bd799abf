import type { MachineEventListener, RaftMachineEvent } from '../../state-machine/entries/machine-change';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';
import type { LeaderStatus, RaftPhase, RaftStatus } from '../status/status';

/** What a client may call beside commands, sessions and queries. Each is answered again and again, until the connection ends. */
export const CLIENT_STATUS = 'client.status';
export const CLIENT_WATCH = 'client.watch';
/** Ends a watch: its body is the machine's name, as the watch's. */
export const CLIENT_UNWATCH = 'client.unwatch';

/** What a node tells clients of its cluster, at once and at each change. */
export interface ClusterStatus {
  readonly phase: RaftPhase;
  readonly clusterId: string;
  readonly term: number;
  readonly leader: LeaderStatus | null;
}

export type WatchedMachine = Parameters<MachineEventListener>[0];

export function clusterStatus({ phase, clusterId, term, leader }: RaftStatus): ClusterStatus {
  return { phase, clusterId, term, leader };
}

/** As they are sent: these names never change. */
interface WireClusterWord {
  readonly phase: RaftPhase;
  readonly clusterId: string;
  readonly term: number;
  readonly leader: WireLeader | null;
}

interface WireLeader {
  readonly id: number;
  readonly name: string;
  readonly peer: string;
  readonly http: string;
}

type WireMachineEvent =
  | {
      readonly kind: 'change';
      readonly index: number;
      readonly term: number;
      readonly now: number;
      readonly command: string;
      readonly value: unknown;
    }
  | { readonly kind: 'replaced'; readonly index: number };

export function encodeClusterStatus({ phase, clusterId, term, leader }: ClusterStatus): Uint8Array {
  const wire: WireClusterWord = { phase, clusterId, term, leader: leader === null ? null : toWireLeader(leader) };
  return encodeValue(wire);
}

export function decodeClusterStatus(bytes: Uint8Array): ClusterStatus {
  const { phase, clusterId, term, leader } = decodeValue(bytes) as WireClusterWord;
  return { phase, clusterId, term, leader: leader === null ? null : fromWireLeader(leader) };
}

function toWireLeader({ id, name, peer, http }: LeaderStatus): WireLeader {
  return { id, name, peer, http };
}

function fromWireLeader({ id, name, peer, http }: WireLeader): LeaderStatus {
  return { id, name, peer, http };
}

/** @throws Error where what was told holds what can't travel */
export function encodeMachineEvent(event: RaftMachineEvent): Uint8Array {
  return encodeValue(toWireMachineEvent(event));
}

export function decodeMachineEvent(bytes: Uint8Array): RaftMachineEvent {
  return fromWireMachineEvent(decodeValue(bytes) as WireMachineEvent);
}

function toWireMachineEvent(event: RaftMachineEvent): WireMachineEvent {
  if (event.kind === 'replaced') return { kind: 'replaced', index: event.index };
  const { index, term, now, command, value } = event;
  return { kind: 'change', index, term, now, command, value };
}

function fromWireMachineEvent(wire: WireMachineEvent): RaftMachineEvent {
  if (wire.kind === 'replaced') return { kind: 'replaced', index: wire.index };
  const { index, term, now, command, value } = wire;
  return { kind: 'change', index, term, now, command, value };
}

export function encodeMachineName(machine: WatchedMachine): Uint8Array {
  return Buffer.from(machine, 'utf8');
}

export function decodeMachineName(bytes: Uint8Array): WatchedMachine {
  return Buffer.from(bytes).toString('utf8');
}
