import type { Provider } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { GroupId } from '../../core/base/types';
import type { Replicated } from '../../state-machine/calls/replicated';
import type { RaftNodeHost } from '../node/raft-node-host';
import { getRaftHostToken } from '../common/raft.tokens';
import { callerOf } from '../common/state-machine-caller';
import { BackgroundScheduler } from './background-scheduler';
import { getRaftJobsToken } from './get-raft-jobs-token';
import { JobMachine } from './machine/job.machine';
import { LeaderJobsHost } from './leader-jobs-host';
import { RaftJobsService } from './raft-jobs.service';

/** What the root module provides for leader jobs, which need no `forFeature`. */
export function jobProviders(group: GroupId): Provider[] {
  const host = getRaftHostToken(group);
  const caller = (nodeHost: RaftNodeHost): Replicated<JobMachine> =>
    callerOf(JobMachine, () => nodeHost) as Replicated<JobMachine>;
  return [
    {
      provide: LeaderJobsHost,
      inject: [host, DiscoveryService],
      useFactory: (nodeHost: RaftNodeHost, discovery: DiscoveryService): LeaderJobsHost =>
        new LeaderJobsHost(nodeHost, caller(nodeHost), discovery, new BackgroundScheduler()),
    },
    {
      provide: getRaftJobsToken(group),
      inject: [host, LeaderJobsHost],
      useFactory: (nodeHost: RaftNodeHost, jobs: LeaderJobsHost): RaftJobsService =>
        new RaftJobsService(
          caller(nodeHost),
          (name) => jobs.scheduleOf(name),
          new BackgroundScheduler(),
          nodeHost.settings.requestTimeoutMs,
        ),
    },
  ];
}
