import 'reflect-metadata';
import { Controller, Get, Injectable, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  LeaderCron,
  type LeaderRun,
  type RaftJobRun,
  RaftJobsService,
  RaftModule,
  RaftService,
  type RaftStatus,
} from 'nestjs-raft';
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileStorage } from '../guide/file-storage';

/** A node that writes each begin and each end of its jobs' runs to a file that the nodes share. Run with {@link JobsAppSettings}. */
export interface JobsAppSettings {
  readonly id: string;
  readonly httpPort: number;
  readonly peerPort: number;
  readonly directory: string;
  readonly members: readonly { readonly id: string; readonly peer: string; readonly http: string }[];
}

const AT_MOST = 'at-most-once';
const AT_LEAST = 'at-least-once';

const WORK_MS = 200;

const settings = JSON.parse(process.env.JOBS_APP!) as JobsAppSettings;

@Injectable()
class Work {
  @LeaderCron('* * * * * *', { name: AT_MOST })
  atMost(run: LeaderRun): Promise<void> {
    return work(run);
  }

  @LeaderCron('* * * * * *', { name: AT_LEAST, delivery: 'atLeastOnce', catchUp: 'all' })
  atLeast(run: LeaderRun): Promise<void> {
    return work(run);
  }
}

@Controller()
class StatusController {
  constructor(
    private readonly raft: RaftService,
    private readonly jobs: RaftJobsService,
  ) {}

  @Get('status')
  status(): RaftStatus {
    return this.raft.status();
  }

  @Get('history/:name')
  history(@Param('name') name: string): Promise<readonly RaftJobRun[]> {
    return this.jobs.history(name);
  }
}

@Module({
  imports: [
    RaftModule.forRoot({
      nodeId: settings.id,
      clusterName: 'jobs',
      members: [...settings.members],
      peers: { listen: `127.0.0.1:${settings.peerPort}`, advertise: `127.0.0.1:${settings.peerPort}` },
      storage: new FileStorage(path.join(settings.directory, settings.id)),
    }),
  ],
  providers: [Work],
  controllers: [StatusController],
})
class AppModule {}

async function work({ name, scheduledAt, token, attempt, signal }: LeaderRun): Promise<void> {
  const tell = (what: 'begin' | 'end'): void => {
    const line = {
      what,
      node: settings.id,
      scheduledMs: scheduledAt.getTime(),
      token,
      attempt,
      isAborted: signal.aborted,
    };
    // Appended in one write, so that the lines of all nodes stand in the order in which it happened.
    appendFileSync(path.join(settings.directory, `${name}.log`), `${JSON.stringify(line)}\n`);
  };
  tell('begin');
  await sleep(WORK_MS, undefined, { signal }).catch(() => undefined);
  tell('end');
}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn', 'log'] });
  app.enableShutdownHooks();
  await app.listen(settings.httpPort, '127.0.0.1');
}

void main();
