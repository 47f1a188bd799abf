import type { TimeoutNowReply } from '../messages';
import type { KernelState } from '../state';
import { refusedTransfer } from '../transfer';

/** An acceptance comes in a later term and has ended this leadership already; a refusal ends the transfer. */
export function onTimeoutNowReply(state: KernelState, message: TimeoutNowReply): void {
  if (!message.accepted && state.transfer?.target === message.from) refusedTransfer(state);
}
