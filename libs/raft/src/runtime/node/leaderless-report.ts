import type { RaftLogger } from '../base/logger';
import type { Scheduler } from '../base/scheduler';
import type { RaftStatus } from '../status/status';
import { describeMembers } from './status-report';

const REPORT_EACH_MS = 5000;

/** Says, while there is no leader, which members answer, which don't, and why: a start never waits in silence. */
export class LeaderlessReport {
  private reportedMs = 0;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly logger: RaftLogger,
    /** Where peers reach this node, by its options. */
    private readonly advertise: string,
    private readonly status: () => RaftStatus,
  ) {}

  start(): void {
    this.reportedMs = this.scheduler.nowMs();
  }

  tick(nowMs: number, hasLeader: boolean): void {
    if (hasLeader) this.reportedMs = nowMs;
    if (nowMs - this.reportedMs < REPORT_EACH_MS) return;
    this.reportedMs = nowMs;
    const { phase, reason, members, term } = this.status();
    this.logger.log(
      phase === 'bootstrapping' ? reason : `No leader in term ${term}: ${describeMembers(members, this.advertise)}.`,
    );
  }
}
