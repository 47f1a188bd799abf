import { Controller, Injectable, Scope, type LoggerService, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  getRaftJobsToken,
  InjectRaftJobs,
  LeaderCron,
  LeaderInterval,
  type LeaderRun,
  Locked,
  RaftJobsService,
  RaftModule,
  RaftService,
  SystemScheduler,
} from '../../index';
import { RaftTestingModule } from '../../testing';
import { BackgroundScheduler } from './background-scheduler';

class Heard implements LoggerService {
  readonly lines: string[] = [];
  log(): void {}
  warn(message: string): void {
    this.lines.push(message);
  }
  error(message: string): void {
    this.lines.push(message);
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('leader jobs of an application', () => {
  const opened: TestingModule[] = [];
  let heard = new Heard();
  async function start(parts: { readonly providers?: Type[]; readonly controllers?: Type[] }): Promise<TestingModule> {
    heard = new Heard();
    const app = await Test.createTestingModule({
      imports: [RaftModule.forRoot({ shutdownTimeoutMs: 5_000 })],
      ...parts,
    })
      .setLogger(heard)
      .compile();
    await app.init();
    opened.push(app);
    return app;
  }
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((app) => app.close()));
  });

  it('are methods of providers and of controllers, by cron and by interval, and need no forFeature', async () => {
    const runs: LeaderRun[] = [];
    @Injectable()
    class Reports {
      constructor(@InjectRaftJobs() readonly jobs: RaftJobsService) {}

      @LeaderCron('* * * * * *', { name: 'each-second' })
      each(run: LeaderRun): void {
        runs.push(run);
      }
    }
    @Controller()
    class Carts {
      @LeaderInterval(50)
      expire(run: LeaderRun): void {
        runs.push(run);
      }
    }
    const app = await start({ providers: [Reports], controllers: [Carts] });
    const { jobs } = app.get(Reports);

    await until(() => new Set(runs.map(({ name }) => name)).size === 2);

    expect(app.get(RaftJobsService)).toBe(jobs);
    expect(app.get(getRaftJobsToken())).toBe(jobs);
    const [each] = runs.filter(({ name }) => name === 'each-second');
    expect(each!.scheduledAt.getMilliseconds()).toBe(0);
    expect(each).toMatchObject({ attempt: 1, trigger: 'schedule', token: expect.any(Number) as number });
    await until(async () => (await jobs.history('each-second')).some(({ outcome }) => outcome === 'completed'));
    expect((await jobs.list()).map(({ name, schedule }) => [name, schedule])).toEqual([
      ['Carts.expire', 'interval 50 ms'],
      ['each-second', 'cron * * * * * * (UTC)'],
    ]);
  });

  it('are run at once on request, also under a lock', async () => {
    const ran: string[] = [];
    @Injectable()
    class Reports {
      @LeaderCron('0 0 1 1 *', { name: 'yearly' })
      @Locked('report')
      async yearly({ trigger }: LeaderRun): Promise<void> {
        ran.push(trigger);
      }
    }
    const app = await start({ providers: [Reports] });
    const jobs = app.get(RaftJobsService);
    await until(async () => (await jobs.list()).length === 1);

    await jobs.runNow('yearly');
    await until(async () => (await jobs.history('yearly')).some(({ outcome }) => outcome === 'completed'));

    expect(ran).toEqual(['manual']);
  });

  it('hear of the shutdown, and their end is recorded before the node stops', async () => {
    const told: string[] = [];
    @Injectable()
    class Reports {
      constructor(private readonly raft: RaftService) {}

      @LeaderInterval(20)
      async run({ signal }: LeaderRun): Promise<void> {
        told.push('began');
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        told.push((signal.reason as { readonly code: string }).code);
        await new Promise((resolve) => setTimeout(resolve, 50));
        // A call to the cluster is still possible here: to say how far it came.
        await this.raft.barrier();
        told.push('ended');
      }
    }
    const app = await start({ providers: [Reports] });
    await until(() => told.length === 1);
    const { commitIndex } = app.get(RaftService).status();

    await app.close();

    expect(told).toEqual(['began', 'RAFT_SHUTTING_DOWN', 'ended']);
    expect(app.get(RaftService).status().commitIndex).toBeGreaterThan(commitIndex);
  });

  it('keep no process alive that has nothing else to do', async () => {
    @Injectable()
    class Reports {
      @LeaderCron('0 0 1 1 *')
      yearly(): void {}
    }
    const timers = jest.spyOn(SystemScheduler.prototype, 'setTimer');
    // Others have short ones of their own.
    const ofJobs = (): readonly NodeJS.Timeout[] =>
      timers.mock.results
        .filter((_result, at) => timers.mock.contexts[at] instanceof BackgroundScheduler)
        .map(({ value }) => value as NodeJS.Timeout);
    const app = await Test.createTestingModule({ imports: [RaftTestingModule.forRoot()], providers: [Reports] })
      .setLogger(heard)
      .compile();
    await app.init();
    opened.push(app);
    await until(() => ofJobs().length > 0);
    const kept = ofJobs().filter((timer) => timer.hasRef()).length;
    timers.mockRestore();

    expect(kept).toBe(0);
  });

  it('write nothing where there is none', async () => {
    const app = await start({});
    await until(() => app.get(RaftService).isLeader());
    expect(await app.get(RaftJobsService).list()).toEqual([]);
  });

  it('refuse to start with two of one name', async () => {
    @Injectable()
    class Reports {
      @LeaderInterval(1_000, { name: 'daily' })
      one(): void {}

      @LeaderCron('* * * * *', { name: 'daily' })
      two(): void {}
    }
    await expect(start({ providers: [Reports] })).rejects.toThrow(
      "Two leader jobs have the name 'daily': Reports.one and Reports.two. Runs are claimed by the name, so that each would keep the other from running. Give one another name: { name: '…' }.",
    );
  });

  it('refuse to start with an expression that cannot be read', async () => {
    @Injectable()
    class Reports {
      @LeaderCron('tomorrow')
      daily(): void {}
    }
    await expect(start({ providers: [Reports] })).rejects.toMatchObject({
      code: 'RAFT_CONFIGURATION',
      message: expect.stringContaining("@LeaderCron('tomorrow') of Reports.daily can't be read") as string,
    });
  });

  it('refuse to start in a group that the application has no node of', async () => {
    @Injectable()
    class Reports {
      @LeaderInterval(1_000, { group: 'billing' })
      bill(): void {}
    }
    await expect(start({ providers: [Reports] })).rejects.toThrow(
      "Reports.bill is a leader job of the group 'billing', and no RaftModule.forRoot({ group: 'billing' }) is imported: nobody would run it. Import it in the application's root module, or leave the option group out.",
    );
  });

  it('refuse options that cannot be ones where they are written', () => {
    const decorate = (options: object) => () => {
      class Reports {
        @LeaderCron('* * * * *', options)
        daily(): void {}
      }
      return Reports;
    };
    expect(decorate({ catchUp: 'some' })).toThrow(
      "catchUp of @LeaderCron('* * * * *') of Reports.daily is \"some\": it must be one of 'none', 'last', 'all'.",
    );
    expect(decorate({ delivery: 'once' })).toThrow("it must be one of 'atMostOnce', 'atLeastOnce'.");
    expect(decorate({ windUpMs: 5 })).toThrow('has no option windUpMs. It is now gracePeriodMs.');
    expect(decorate({ gracePeriod: 5 })).toThrow('has no option gracePeriod. Known are name, catchUp,');
    expect(decorate({ skipIfOlderThanMs: -1 })).toThrow('skipIfOlderThanMs of');
    expect(decorate({ name: '' })).toThrow('name of');
    expect(() => LeaderInterval(0)).toThrow('The interval of @LeaderInterval(0) is 0');
  });

  it('name those that have no instance to be called on', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Scoped {
      @LeaderInterval(20)
      run(): void {}
    }
    await start({ providers: [Scoped] });
    expect(heard.lines).toContain(
      'Scoped is request-scoped, itself or by what is injected into it: there is no instance of it that its leader jobs (run) could be called on, and they are not run. Move them to a provider of the default scope.',
    );
  });

  it('is a compile error on a method that takes something else', () => {
    class Wrong {
      // @ts-expect-error it would get a run
      @LeaderInterval(1_000)
      run(_name: string): void {}
    }
    expect(new Wrong()).toBeInstanceOf(Wrong);
  });
});
