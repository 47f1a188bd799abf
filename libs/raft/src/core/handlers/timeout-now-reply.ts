import type { TimeoutNowReply } from '../messages';
import type { KernelState } from '../state';

export function onTimeoutNowReply(_state: KernelState, _message: TimeoutNowReply): void {}
