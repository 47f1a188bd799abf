import type { PathCounts } from './paths';
import type { Trace } from './trace';
import type { Verdict } from './violation';
import type { VirtualTime } from './virtual-time';

/** What everything in one simulation shares. */
export interface World {
  readonly time: VirtualTime;
  readonly paths: PathCounts;
  readonly trace: Trace;
  readonly verdict: Verdict;
}
