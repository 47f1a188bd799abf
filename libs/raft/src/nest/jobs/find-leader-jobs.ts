import type { LoggerService } from '@nestjs/common';
import { MetadataScanner, type DiscoveryService } from '@nestjs/core';
import { RaftError } from '../../core/raft-error';
import type { GroupId } from '../../core/types';
import { RAFT_GROUP } from '../raft.tokens';
import { CronSchedule } from './cron-schedule';
import { IntervalSchedule, type JobSchedule } from './job-schedule';
import type { LeaderJob } from './leader-job';
import { type JobDefinition, jobsOf } from './leader-job.metadata';

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
  const scanner = new MetadataScanner();
  // One instance may stand under several tokens.
  const seen = new Set<object>();
  const found = new Map<string, LeaderJob>();
  const roots = discovery.getProviders().filter(({ token }) => token === RAFT_GROUP);
  const groups = new Set(roots.map(({ instance }) => instance as GroupId));
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
    const instance: unknown = wrapper.instance;
    if (typeof instance !== 'object' || instance === null || seen.has(instance)) continue;
    seen.add(instance);
    const prototype = Object.getPrototypeOf(instance) as Methods | null;
    if (prototype === null) continue;
    const own = scanner
      .getAllMethodNames(prototype)
      .flatMap((method) => jobsOf(prototype[method]!).map((definition) => ({ method, definition })))
      .filter(({ method, definition }) => {
        if (!groups.has(definition.group)) throw noRoot(`${prototype.constructor.name}.${method}`, definition.group);
        return definition.group === group;
      });
    if (own.length === 0) continue;
    if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient) {
      const methods = own.map(({ method }) => method);
      warnOfScope(logger, wrapper.name, methods, wrapper.isTransient);
      continue;
    }
    for (const { method, definition } of own) {
      const where = `${prototype.constructor.name}.${method}`;
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

function warnOfScope(
  logger: Pick<LoggerService, 'warn'>,
  name: unknown,
  methods: readonly string[],
  transient: boolean,
): void {
  const scope = transient ? 'transient' : 'request-scoped, itself or by what is injected into it';
  logger.warn(
    `${String(name)} is ${scope}: there is no instance of it that its leader jobs (${methods.join(', ')}) could be called on, and they are not run. Move them to a provider of the default scope.`,
  );
}
