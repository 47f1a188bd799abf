import { DiscoveryService } from '@nestjs/core';
import type { GroupId } from '../../../core/base/types';
import { RaftError } from '../../../errors/raft-error';
import { checkedKey, checkedMs } from '../../primitives/shared/checked';
import { groupName } from '../../common/raft.tokens';
import type { DuePolicy } from '../schedule/due-runs';
import type { LeaderJobOptions, LeaderRun } from '../schedule/leader-job.interface';

/** Decorates a method that takes the run, or nothing. @publicApi */
export type LeaderJobDecorator = <T extends (run: LeaderRun) => unknown>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void;

export type JobTiming =
  | { readonly kind: 'cron'; readonly expression: string; readonly timeZone: string }
  | { readonly kind: 'interval'; readonly intervalMs: number };

/** What a decorator says of a method. */
export interface JobDefinition {
  readonly group: GroupId;
  readonly name: string;
  readonly timing: JobTiming;
  readonly policy: DuePolicy;
  readonly atLeastOnce: boolean;
  readonly gracePeriodMs: number;
}

const JOBS = DiscoveryService.createDecorator<readonly JobDefinition[]>();

/** @returns the jobs that a method is */
export function jobsOf(method: object): readonly JobDefinition[] {
  return (Reflect.getMetadata(JOBS.KEY, method) as readonly JobDefinition[] | undefined) ?? [];
}

/** A method may be several jobs, each of a name of its own. */
export function leaderJob(what: string, timing: JobTiming, options: LeaderJobOptions): LeaderJobDecorator {
  return (target, key, descriptor) => {
    const method = `${target.constructor.name}.${String(key)}`;
    const definition = definitionOf(`${what} of ${method}`, options.name ?? method, timing, options);
    JOBS([...jobsOf(descriptor.value as object), definition])(target, key, descriptor);
  };
}

function definitionOf(what: string, name: string, timing: JobTiming, options: LeaderJobOptions): JobDefinition {
  const { catchUp = 'none', delivery = 'atMostOnce', skipIfOlderThanMs, gracePeriodMs = 1_000, group } = options;
  checkNames(what, options);
  checkedChoice(`catchUp of ${what}`, catchUp, ['none', 'last', 'all']);
  checkedChoice(`delivery of ${what}`, delivery, ['atMostOnce', 'atLeastOnce']);
  return {
    group: groupName(group),
    name: checkedKey(`name of ${what}`, name),
    timing,
    policy: {
      catchUp,
      skipIfOlderThanMs:
        skipIfOlderThanMs === undefined ? Infinity : checkedMs(`skipIfOlderThanMs of ${what}`, skipIfOlderThanMs, 0),
    },
    atLeastOnce: delivery === 'atLeastOnce',
    gracePeriodMs: checkedMs(`gracePeriodMs of ${what}`, gracePeriodMs, 0),
  };
}

const OPTIONS = ['name', 'catchUp', 'skipIfOlderThanMs', 'delivery', 'gracePeriodMs', 'group', 'timeZone'];

/** An option that isn't known would be ignored: a misspelled one, or one by a name that it had before. */
function checkNames(what: string, options: object): void {
  const unknown = Object.keys(options).find((each) => !OPTIONS.includes(each));
  if (unknown === undefined) return;
  const advice = unknown === 'windUpMs' ? 'It is now gracePeriodMs.' : `Known are ${OPTIONS.join(', ')}.`;
  throw new RaftError('RAFT_CONFIGURATION', `${what} has no option ${unknown}. ${advice}`);
}

function checkedChoice(what: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new RaftError(
    'RAFT_CONFIGURATION',
    `${what} is ${JSON.stringify(value)}: it must be one of ${choices.map((choice) => `'${choice}'`).join(', ')}.`,
  );
}
