import type { TransferResult } from './kernel-api';
import type { KernelState } from './state';
import type { ReplicaId } from './types';

/** Begins to hand the leadership over (thesis §3.10). */
export function transferLeadership(_state: KernelState, _target: ReplicaId | undefined): TransferResult {
  return { accepted: false, reason: 'noTarget' };
}
