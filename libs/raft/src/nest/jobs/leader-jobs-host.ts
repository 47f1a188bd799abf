import { Logger, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import type { Scheduler, TimerHandle } from '../../runtime/base/scheduler';
import type { Replicated } from '../../state-machine/calls/replicated';
import { describeMachineClass } from '../../state-machine/declare/machine-class';
import type { RaftNodeHost } from '../node/raft-node-host';
import { findLeaderJobs } from './find-leader-jobs';
import { JobMachine } from './machine/job.machine';
import type { JobSchedule } from './schedule/job-schedule';
import { LeaderJobs } from './leader-jobs';

/** Finds the jobs of an application, and runs them with its node. */
export class LeaderJobsHost implements OnModuleInit, OnApplicationBootstrap {
  private readonly logger = new Logger('Raft');
  private jobs: LeaderJobs | undefined;

  constructor(
    private readonly host: RaftNodeHost,
    private readonly caller: Replicated<JobMachine>,
    private readonly discovery: DiscoveryService,
    private readonly scheduler: Scheduler,
  ) {}

  scheduleOf(name: string): JobSchedule | undefined {
    return this.jobs?.scheduleOf(name);
  }

  /** @throws RaftError `RAFT_CONFIGURATION` two have one name, or a schedule can't be read */
  onModuleInit(): void {
    const { host, caller, scheduler, logger } = this;
    this.jobs = new LeaderJobs({
      jobs: findLeaderJobs(this.discovery, host.settings.group, logger),
      caller,
      events: host.machineEvents.of(describeMachineClass(JobMachine).name),
      leaderships: host.terms.changes,
      scheduler,
      logger,
    });
    host.beforeStop(() => this.finished());
  }

  onApplicationBootstrap(): void {
    this.jobs?.start();
  }

  /** A method that ignores its signal holds up no stop for ever. */
  private async finished(): Promise<void> {
    const { scheduler } = this;
    let timer: TimerHandle | undefined;
    const bound = new Promise<void>((resolve) => {
      timer = scheduler.setTimer(this.host.settings.shutdownTimeoutMs / 2, resolve);
    });
    await Promise.race([this.jobs?.finished(), bound]);
    if (timer !== undefined) scheduler.clearTimer(timer);
  }
}
