import type { KernelSnapshot } from './kernel-api';
import type { KernelState } from './state';
import type { LogId } from './types';

/** Takes a snapshot in place of the log up to it. */
export function beginInstall(_state: KernelState, _snapshot: KernelSnapshot): boolean {
  return false;
}

export function finishInstall(_state: KernelState, _snapshot: KernelSnapshot): void {}

/** The log begins behind `to` now. */
export function compactTo(_state: KernelState, _to: LogId): void {}
