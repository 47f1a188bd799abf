import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { RaftJobsService } from 'nestjs-raft';
import { RaftTestingModule } from 'nestjs-raft/testing';
import request from 'supertest';
import type { App } from 'supertest/types';
import { AppModule, BillingService, ReportService, ReportStore } from './reports';

describe('the jobs of the guide', () => {
  let app: INestApplication<App>;
  beforeAll(async () => {
    const builder = Test.createTestingModule({ imports: [AppModule] });
    const moduleRef = await RaftTestingModule.override(builder).compile();
    app = moduleRef.createNestApplication();
    await app.init();
    await until(async () => (await app.get(RaftJobsService).list()).length === 3);
  });
  afterAll(() => app.close());

  it('writes the daily report', async () => {
    const jobs = app.get(RaftJobsService);

    await jobs.runNow('daily-report');
    await until(async () => (await jobs.history('daily-report')).some(({ outcome }) => outcome === 'completed'));

    expect(app.get(ReportStore).saved).toHaveLength(1);
  });

  it('is a plain method to a unit test', async () => {
    const store = new ReportStore();
    const run = { name: 'daily-report', scheduledAt: new Date('2026-05-01T01:30:00Z'), token: 7, attempt: 1 };
    const { signal } = new AbortController();

    await new ReportService(store).daily({ ...run, trigger: 'schedule', signal });

    expect(store.saved).toEqual(['report of 2026-05-01']);
  });

  it('can be asked and run over HTTP', async () => {
    await request(app.getHttpServer()).post('/jobs/bill-hour/run').expect(201);
    await until(() => app.get(BillingService).billed.length === 1);
    const { body } = (await request(app.getHttpServer()).get('/jobs/bill-hour/runs').expect(200)) as {
      readonly body: readonly object[];
    };
    expect(body[0]).toMatchObject({ trigger: 'manual' });
    const { body: jobs } = (await request(app.getHttpServer()).get('/jobs').expect(200)) as {
      readonly body: readonly object[];
    };
    expect(jobs).toMatchObject([
      { name: 'bill-hour', schedule: 'cron 0 * * * * (UTC)' },
      { name: 'daily-report' },
      { name: 'expire-carts' },
    ]);
  });
});

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
