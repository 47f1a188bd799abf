import type { ReplicaId } from '../base/types';

/** The leadership on its way to another replica. */
export interface Transfer {
  readonly target: ReplicaId;
  elapsedTicks: number;
  /** The target was told to campaign; it is told again with each heartbeat. */
  isTold: boolean;
}
