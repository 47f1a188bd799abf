import { Controller, Get, Injectable, Module, Param, Post } from '@nestjs/common';
import { LeaderCron, LeaderInterval, type LeaderRun, RaftJobsService, RaftModule } from 'nestjs-raft';

/** A store that keeps the greatest token it has seen of each key, as one UPDATE of a table can. */
@Injectable()
export class ReportStore {
  readonly saved: string[] = [];
  private greatest = 0;

  save(report: string, token: number): void {
    if (token < this.greatest) throw new Error(`The token ${token} is behind ${this.greatest}: another run has begun.`);
    this.greatest = token;
    this.saved.push(report);
  }
}

@Injectable()
export class ReportService {
  constructor(private readonly store: ReportStore) {}

  @LeaderCron('30 3 * * *', { name: 'daily-report', timeZone: 'Europe/Vienna' })
  async daily({ scheduledAt, token, signal }: LeaderRun): Promise<void> {
    const report = await this.render(scheduledAt, signal);
    this.store.save(report, token);
  }

  @LeaderInterval(60_000, { name: 'expire-carts' })
  async expireCarts({ signal }: LeaderRun): Promise<void> {
    for (const cart of this.oldCarts()) {
      signal.throwIfAborted();
      await this.expire(cart);
    }
  }

  private async render(day: Date, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    return `report of ${day.toISOString().slice(0, 10)}`;
  }

  private oldCarts(): readonly string[] {
    return [];
  }

  private async expire(_cart: string): Promise<void> {}
}

@Injectable()
export class BillingService {
  readonly billed: string[] = [];

  @LeaderCron('0 * * * *', { name: 'bill-hour', delivery: 'atLeastOnce', catchUp: 'all' })
  async billHour({ scheduledAt, attempt, token }: LeaderRun): Promise<void> {
    await this.bill(scheduledAt, { again: attempt > 1, token });
  }

  private async bill(hour: Date, { again }: { readonly again: boolean; readonly token: number }): Promise<void> {
    this.billed.push(`${hour.toISOString()}${again ? ' again' : ''}`);
  }
}

@Controller('jobs')
export class JobsController {
  constructor(private readonly jobs: RaftJobsService) {}

  @Get()
  list() {
    return this.jobs.list();
  }

  @Get(':name/runs')
  runs(@Param('name') name: string) {
    return this.jobs.history(name, { limit: 20 });
  }

  @Post(':name/run')
  async runNow(@Param('name') name: string) {
    return { scheduledAt: await this.jobs.runNow(name) };
  }
}

@Module({
  imports: [RaftModule.forRoot()],
  providers: [ReportService, ReportStore, BillingService],
  controllers: [JobsController],
})
export class AppModule {}
