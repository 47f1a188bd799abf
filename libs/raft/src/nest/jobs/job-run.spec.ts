import type { Scheduler } from '../../runtime/base/scheduler';
import { RaftError } from '../../errors/raft-error';
import { SystemScheduler } from '../../runtime/base/system-scheduler';
import type { Replicated } from '../../state-machine/calls/replicated';
import type { JobMachine, RunEnd } from './machine/job.machine';
import type { Claim } from './machine/job-record';
import { JobRun } from './job-run';
import { IntervalSchedule } from './schedule/job-schedule';
import type { LeaderJob } from './leader-job';
import type { LeaderRun } from './schedule/leader-job.interface';

const CLAIM: Claim = {
  scheduledMs: 5_000,
  attempt: 1,
  trigger: 'schedule',
  token: 7,
  node: 'n1',
  term: 2,
  atLeastOnce: false,
};

describe('a run of a leader job', () => {
  const ends: RunEnd[] = [];
  const logged: string[] = [];
  const failures: RaftError[] = [];
  const finish = (_name: string, _token: number, end: RunEnd): Promise<boolean> => {
    const failure = failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    ends.push(end);
    return Promise.resolve(true);
  };
  const caller = { finish } as unknown as Replicated<JobMachine>;
  const log = (message: string): void => void logged.push(message);
  const system = new SystemScheduler();
  const hasty: Scheduler = Object.assign(Object.create(system) as Scheduler, {
    nowMs: () => 0,
    setTimer: (_delayMs: number, task: () => void) => system.setTimer(0, task),
  });

  async function run(signal: AbortSignal, call: (run: LeaderRun) => unknown): Promise<void> {
    ends.length = logged.length = 0;
    const job: LeaderJob = {
      name: 'job',
      where: 'A.b',
      schedule: new IntervalSchedule(1_000),
      policy: { catchUp: 'none', skipIfOlderThanMs: Infinity },
      atLeastOnce: false,
      gracePeriodMs: 0,
      call,
    };
    const parts = { caller, scheduler: hasty, logger: { warn: log, error: log } };
    await new JobRun(job, CLAIM, signal, parts).recorded;
  }

  it('is not begun where the leadership ended while it was claimed', async () => {
    const ending = new AbortController();
    ending.abort(new RaftError('RAFT_NOT_LEADER', 'Another leads.'));
    let isCalled = false;

    await run(ending.signal, () => (isCalled = true));

    expect(isCalled).toBe(false);
    expect(ends).toEqual([{ outcome: 'aborted', durationMs: 0, error: null }]);
    expect(logged).toEqual([]);
  });

  it('is aborted where it ends after its signal has fired, well or not', async () => {
    for (const [end, error] of [
      [() => undefined, null],
      [() => Promise.reject(new Error('half done')), 'Error: half done'],
    ] as const) {
      const ending = new AbortController();
      await run(ending.signal, () => {
        ending.abort(new RaftError('RAFT_NOT_LEADER', 'Another leads.'));
        return end();
      });
      expect(ends).toMatchObject([{ outcome: 'aborted', error }]);
    }
  });

  it('is recorded when there is a leader again, and given up where this node stops', async () => {
    failures.push(new RaftError('RAFT_NO_LEADER', 'None.'), new RaftError('RAFT_TIMEOUT', 'Late.'));
    await run(new AbortController().signal, () => undefined);
    expect(ends).toMatchObject([{ outcome: 'completed' }]);

    failures.push(new RaftError('RAFT_SHUTTING_DOWN', 'This node is being stopped.'));
    await run(new AbortController().signal, () => undefined);
    expect(ends).toEqual([]);
    expect(logged).toEqual([]);
  });

  it('says where its end could not be recorded for another reason', async () => {
    failures.push(new RaftError('RAFT_FORBIDDEN', 'No right.'));
    await run(new AbortController().signal, () => undefined);
    expect(logged).toEqual(['The end of a run of the job job could not be recorded: RaftError: No right.']);
  });
});
