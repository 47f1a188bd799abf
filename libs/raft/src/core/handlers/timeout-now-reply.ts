import type { TimeoutNowReply } from '../base/messages';
import type { KernelState } from '../state/state';
import { refusedTransfer } from '../rules/transfer';

/** An acceptance comes in a later term and has ended this leadership already; a refusal ends the transfer. */
export function onTimeoutNowReply(state: KernelState, message: TimeoutNowReply): void {
  if (!message.accepted && state.transfer?.target === message.from) refusedTransfer(state);
}
