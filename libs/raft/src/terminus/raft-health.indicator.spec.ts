import { Controller, Get, type INestApplication, type LoggerService } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { filter, firstValueFrom } from 'rxjs';
import type { Server } from 'node:http';
import request from 'supertest';
import { RaftModule, RaftService, type RaftStatus } from '../index';
import { RaftHealthIndicator, type RaftReadinessOptions, RaftTerminusModule } from './index';

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

@Controller()
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly raft: RaftHealthIndicator,
  ) {}

  @Get('live')
  @HealthCheck()
  live() {
    return this.health.check([() => this.raft.isLive('raft')]);
  }

  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.raft.isReady('raft', { maxLagMs: 1000, maxLagEntries: 100 })]);
  }

  @Get('leader')
  @HealthCheck()
  leader() {
    return this.health.check([() => this.raft.isLeader('raft')]);
  }
}

describe('RaftHealthIndicator', () => {
  let app: INestApplication;
  let raft: RaftService;
  let indicator: RaftHealthIndicator;

  beforeEach(async () => {
    const module = await Test.createTestingModule({
      imports: [RaftModule.forRoot(), TerminusModule.forRoot({ logger: false }), RaftTerminusModule.register()],
      controllers: [HealthController],
    })
      .setLogger(SILENT)
      .compile();
    app = module.createNestApplication();
    await app.init();
    raft = app.get(RaftService);
    indicator = app.get(RaftHealthIndicator);
    await firstValueFrom(raft.isLeader$.pipe(filter(Boolean)));
  });
  afterEach(() => app.close());

  const withStatus = (status: Partial<RaftStatus>): void => {
    const real = raft.status();
    jest.spyOn(raft, 'status').mockReturnValue({ ...real, ...status });
  };
  const readiness = (options?: RaftReadinessOptions) => indicator.isReady('raft', options).raft;

  it('answers 200 to each probe while the node runs and leads', async () => {
    for (const path of ['/live', '/ready', '/leader']) {
      const { status, body } = (await request(app.getHttpServer() as Server).get(path)) as {
        status: number;
        body: unknown;
      };
      expect({ path, status, body }).toMatchObject({
        status: 200,
        body: { status: 'ok', info: { raft: { status: 'up', role: 'leader', leader: 'node1', phase: 'running' } } },
      });
    }
  });

  it('answers 503 with the reason where the node is not ready', async () => {
    withStatus({ leader: null, role: 'follower', isLeader: false });
    const { status, body } = (await request(app.getHttpServer() as Server).get('/ready')) as {
      status: number;
      body: unknown;
    };
    expect(status).toBe(503);
    expect(body).toMatchObject({
      error: { raft: { status: 'down', reason: expect.stringContaining('no leader is known') as string } },
    });
    expect((await request(app.getHttpServer() as Server).get('/live')).status).toBe(200);
    expect(indicator.isLeader('raft').raft).toMatchObject({ status: 'down', reason: 'no leader is known' });
  });

  it('holds a node to the lag that is allowed, in entries and in milliseconds', () => {
    withStatus({ commitIndex: 150, appliedIndex: 40, ageMs: 900 });
    expect(readiness()).toMatchObject({ status: 'up' });
    expect(readiness({ maxLagEntries: 110, maxLagMs: 900 })).toMatchObject({ status: 'up' });
    expect(readiness({ maxLagEntries: 109 })).toMatchObject({
      status: 'down',
      reason: '110 committed entries wait to be applied, and 109 are allowed',
    });
    expect(readiness({ maxLagMs: 899 })).toMatchObject({
      status: 'down',
      reason: 'the state is up to 900 ms old, and 899 ms are allowed',
    });
  });

  it('isn’t ready while the store doesn’t serve it, and is live all the same', () => {
    withStatus({ degraded: { reason: "its store doesn't answer", sinceMs: 1 } });
    expect(readiness()).toMatchObject({ status: 'down', reason: "the node is degraded: its store doesn't answer" });
    expect(indicator.isLive('raft').raft.status).toBe('up');
  });

  it('isn’t ready in the middle of its join', () => {
    withStatus({ catchingUp: true, role: 'learner' });
    expect(readiness()).toMatchObject({ status: 'down', reason: expect.stringContaining('is joining') as string });
    expect(indicator.isLive('raft').raft.status).toBe('up');
  });

  it('takes a state of unknown age for too old where an age is asked for', () => {
    withStatus({ ageMs: null });
    expect(readiness({ maxLagMs: 60_000 })).toMatchObject({ status: 'down' });
    expect(readiness()).toMatchObject({ status: 'up' });
  });

  it.each([
    ['failed', 'down', 'down'],
    ['quarantined', 'up', 'down'],
    ['removed', 'up', 'down'],
    ['bootstrapping', 'up', 'down'],
    ['joining', 'up', 'down'],
    ['stopping', 'up', 'down'],
  ] as const)(
    'asks for a new start only where one may help: a node that is %s is live %s, ready %s',
    (phase, live, ready) => {
      withStatus({ phase, reason: `it is ${phase}`, leader: null, isLeader: false });
      expect(indicator.isLive('raft').raft.status).toBe(live);
      expect(readiness()).toMatchObject({ status: ready, reason: `it is ${phase}` });
    },
  );
});
