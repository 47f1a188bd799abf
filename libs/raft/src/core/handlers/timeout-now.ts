import type { TimeoutNow } from '../messages';
import type { KernelState } from '../state';

export function onTimeoutNow(_state: KernelState, _message: TimeoutNow): void {}
