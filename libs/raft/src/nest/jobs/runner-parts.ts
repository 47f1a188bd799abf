import type { Replicated } from '../../state-machine/calls/replicated';
import type { JobMachine } from './machine/job.machine';
import type { Scheduler } from '../../runtime/base/scheduler';

export interface JobLogger {
  warn(message: string): void;
  error(message: string, stack?: string): void;
}

export interface RunnerParts {
  readonly caller: Replicated<JobMachine>;
  readonly scheduler: Scheduler;
  readonly logger: JobLogger;
}
