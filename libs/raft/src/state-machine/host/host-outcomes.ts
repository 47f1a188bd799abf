import { MalformedBytesError } from '../codec/codec-errors';
import { failed, outcomeOfThrown } from '../sessions/command-failure';
import type { CommandOutcome } from '../contract';
import { UnknownEntryError } from './host-errors';

/** The same bytes are malformed everywhere; what a newer version wrote is not. */
export function outcomeOfUnread(error: unknown, index: number): CommandOutcome {
  if (error instanceof MalformedBytesError) return failed(error.message);
  throw new UnknownEntryError(index, `can't be read: ${String(error)}`);
}

export function outcomeOfQueryError(error: unknown, method: string): CommandOutcome {
  return error instanceof MalformedBytesError ? failed(error.message) : outcomeOfThrown(error, method);
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { readonly then?: unknown }).then === 'function'
  );
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? `\n${error.stack}` : '';
}
