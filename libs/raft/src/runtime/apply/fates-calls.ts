import type { CommandFates } from '../../state-machine/contract';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';

/** Asks a member what became of commands of a machine whose state is in tables. */
export const FATES = 'fates';

export interface FatesQuestion {
  readonly machine: string;
  readonly indexes: readonly number[];
}

/** As they are sent: these names never change. */
interface WireQuestion {
  readonly machine: string;
  readonly indexes: readonly number[];
}

interface WireFates {
  readonly lastIndex: number;
  readonly schemaHash: string;
  readonly mistakes: ReadonlyMap<number, string>;
  readonly knownFrom: number;
}

export function encodeFatesQuestion({ machine, indexes }: FatesQuestion): Uint8Array {
  const wire: WireQuestion = { machine, indexes };
  return encodeValue(wire);
}

export function decodeFatesQuestion(bytes: Uint8Array): FatesQuestion {
  const { machine, indexes } = decodeValue(bytes) as WireQuestion;
  return { machine, indexes };
}

export function encodeFates({ lastIndex, knownFrom, schemaHash, mistakes }: CommandFates): Uint8Array {
  const wire: WireFates = { lastIndex, schemaHash, mistakes, knownFrom };
  return encodeValue(wire);
}

export function decodeFates(bytes: Uint8Array): CommandFates {
  const { lastIndex, knownFrom, schemaHash, mistakes } = decodeValue(bytes) as WireFates;
  return { lastIndex, knownFrom, schemaHash, mistakes };
}
