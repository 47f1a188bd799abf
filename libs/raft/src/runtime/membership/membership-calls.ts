import type { LogId } from '../../core/base/types';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';

/** What a node asks of the leader about the membership and the leadership. */
export const CHANGE = 'membership.change';
export const CANCEL = 'membership.cancel';
export const ADDRESS = 'membership.address';
export const TRANSFER = 'leadership.transfer';

/** A member as it is to be. */
export interface WantedMember {
  readonly name: string;
  readonly peer: string;
  readonly http?: string | undefined;
  readonly voter: boolean;
  /** The store that is meant; absent: the one that the member has, or the newcomer shows. */
  readonly incarnation?: string | undefined;
}

export interface ChangeRequest {
  readonly members: readonly WantedMember[];
  readonly expectedIndex?: number | undefined;
  readonly force: boolean;
  readonly supersede?: boolean | undefined;
  readonly timeoutMs: number;
}

export interface AddressRequest {
  readonly name: string;
  readonly peer?: string | undefined;
  readonly http?: string | undefined;
  readonly expectedIndex?: number | undefined;
}

/** As they are sent: these names never change, and each is there, if only as undefined. */
interface WireWantedMember {
  readonly name: string;
  readonly peer: string;
  readonly http: string | undefined;
  readonly voter: boolean;
  readonly incarnation: string | undefined;
}

interface WireChange {
  readonly members: readonly WireWantedMember[];
  readonly expectedIndex: number | undefined;
  readonly force: boolean;
  readonly supersede: boolean | undefined;
  readonly timeoutMs: number;
}

interface WireAddress {
  readonly name: string;
  readonly peer: string | undefined;
  readonly http: string | undefined;
  readonly expectedIndex: number | undefined;
}

interface WireEntry {
  readonly index: number;
  readonly term: number;
}

export function encodeChange({ members, expectedIndex, force, supersede, timeoutMs }: ChangeRequest): Uint8Array {
  const wire: WireChange = { members: members.map(toWireWantedMember), expectedIndex, force, supersede, timeoutMs };
  return encodeValue(wire);
}

export function decodeChange(bytes: Uint8Array): ChangeRequest {
  const { members, expectedIndex, force, supersede, timeoutMs } = decodeValue(bytes) as WireChange;
  return { members: members.map(fromWireWantedMember), expectedIndex, force, supersede, timeoutMs };
}

function toWireWantedMember({ name, peer, http, voter, incarnation }: WantedMember): WireWantedMember {
  return { name, peer, http, voter, incarnation };
}

function fromWireWantedMember({ name, peer, http, voter, incarnation }: WireWantedMember): WantedMember {
  return { name, peer, http, voter, incarnation };
}

/** A cancel says nothing but its method. */
export function encodeCancel(): Uint8Array {
  return encodeValue(null);
}

/** The answer to a change or a cancel: the entry that was written. */
export function encodeWritten({ index, term }: LogId): Uint8Array {
  const wire: WireEntry = { index, term };
  return encodeValue(wire);
}

export function decodeWritten(bytes: Uint8Array): LogId {
  const { index, term } = decodeValue(bytes) as WireEntry;
  return { index, term };
}

export function encodeAddress({ name, peer, http, expectedIndex }: AddressRequest): Uint8Array {
  const wire: WireAddress = { name, peer, http, expectedIndex };
  return encodeValue(wire);
}

export function decodeAddress(bytes: Uint8Array): AddressRequest {
  const { name, peer, http, expectedIndex } = decodeValue(bytes) as WireAddress;
  return { name, peer, http, expectedIndex };
}

/** The answer to an address: where it was written. */
export function encodeAddressWritten({ index }: Pick<LogId, 'index'>): Uint8Array {
  const wire: Pick<WireEntry, 'index'> = { index };
  return encodeValue(wire);
}

export function decodeAddressWritten(bytes: Uint8Array): Pick<LogId, 'index'> {
  const { index } = decodeValue(bytes) as Pick<WireEntry, 'index'>;
  return { index };
}

/** @param name of the node that is to lead; undefined: any */
export function encodeTransfer(name: string | undefined): Uint8Array {
  return encodeValue(name);
}

export function decodeTransfer(bytes: Uint8Array): string | undefined {
  return decodeValue(bytes) as string | undefined;
}

export function encodeTransferred(): Uint8Array {
  return encodeValue(true);
}
