import type { LoggerService } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import type { GroupId } from '../../core/base/types';
import { discoveredInstances } from '../common/discovered-instances';
import { RAFT_GROUP } from '../common/raft.tokens';
import { CronSchedule } from './schedule/cron-schedule';
import { IntervalSchedule, type JobSchedule } from './schedule/job-schedule';
import type { LeaderJob } from './leader-job';
import { type JobDefinition, jobsOf } from './decorators/leader-job.metadata';

type Methods = Readonly<Record<string, LeaderJob['call']>>;

/**
 * Finds the group's jobs among the methods of providers and controllers.
 *
 * @throws RaftError `RAFT_CONFIGURATION` two have one name, a schedule can't be read, or a group has no root
 */
export function findLeaderJobs(
  discovery: DiscoveryService,
  group: GroupId,
  logger: Pick<LoggerService, 'warn'>,
): readonly LeaderJob[] {
  const found = new Map<string, LeaderJob>();
  const roots = discovery.getProviders().filter(({ token }) => token === RAFT_GROUP);
  const groups = new Set(roots.map(({ instance }) => instance as GroupId));
  for (const { instance, className, methods, provider, scope } of discoveredInstances(discovery)) {
    const own = [...methods]
      .flatMap(([method, body]) => jobsOf(body).map((definition) => ({ method, definition })))
      .filter(({ method, definition }) => {
        if (!groups.has(definition.group)) throw noRoot(`${className}.${method}`, definition.group);
        return definition.group === group;
      });
    if (own.length === 0) continue;
    if (scope !== undefined) {
      const names = own.map(({ method }) => method).join(', ');
      logger.warn(
        `${provider} is ${scope}: there is no instance of it that its leader jobs (${names}) could be called on, and they are not run. Move them to a provider of the default scope.`,
      );
      continue;
    }
    for (const { method, definition } of own) {
      const where = `${className}.${method}`;
      refuseSecond(found.get(definition.name), definition.name, where);
      found.set(definition.name, {
        ...definition,
        where,
        schedule: scheduleOf(where, definition),
        // Looked up at each call, so that a spy of a test on the instance is seen.
        call: (run) => (instance as Methods)[method]!(run),
      });
    }
  }
  return [...found.values()];
}

function scheduleOf(where: string, { timing }: JobDefinition): JobSchedule {
  return timing.kind === 'interval'
    ? new IntervalSchedule(timing.intervalMs)
    : new CronSchedule(where, timing.expression, timing.timeZone);
}

function noRoot(where: string, group: GroupId): RaftError {
  return new RaftError(
    'RAFT_CONFIGURATION',
    `${where} is a leader job of the group '${group}', and no RaftModule.forRoot({ group: '${group}' }) is imported: nobody would run it. Import it in the application's root module, or leave the option group out.`,
  );
}

function refuseSecond(first: LeaderJob | undefined, name: string, where: string): void {
  if (first === undefined) return;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `Two leader jobs have the name '${name}': ${first.where} and ${where}. Runs are claimed by the name, so that each would keep the other from running. Give one another name: { name: '…' }.`,
  );
}
