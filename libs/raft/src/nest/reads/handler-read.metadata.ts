import type { GroupId } from '../../core/base/types';
import type { BarrierOptions } from '../../runtime/base/call-options';

export const HANDLER_READ = 'nestjs-raft:handler-read';

/** What must hold before a handler runs. */
export interface HandlerRead {
  readonly group: GroupId;
  readonly barrier: BarrierOptions;
}
