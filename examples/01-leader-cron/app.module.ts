import { Controller, Get, Injectable, Logger, Module, Post } from '@nestjs/common';
import { LeaderCron, type LeaderRun, type RaftJobRun, RaftJobsService, RaftModule } from 'nestjs-raft';
import { threeNodes } from '../three-nodes';

@Injectable()
export class Reports {
  private readonly logger = new Logger(Reports.name);

  @LeaderCron('*/2 * * * * *', { name: 'report' })
  report({ scheduledAt, token, trigger }: LeaderRun): void {
    this.logger.log(`The report of ${scheduledAt.toISOString()}, token ${token}, by ${trigger}`);
  }
}

@Controller('report')
export class ReportsController {
  constructor(private readonly jobs: RaftJobsService) {}

  @Get('runs')
  runs(): Promise<readonly RaftJobRun[]> {
    return this.jobs.history('report', { limit: 10 });
  }

  @Post('run')
  async run() {
    return { scheduledAt: await this.jobs.runNow('report') };
  }
}

@Module({
  imports: [RaftModule.forRoot({ ...threeNodes, clusterName: 'leader-cron' })],
  providers: [Reports],
  controllers: [ReportsController],
})
export class AppModule {}
