import { Controller, Get, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { RaftMetricsService } from 'nestjs-raft/prometheus';
import { TokenGuard } from './access/admin.guard';

/** What Prometheus scrapes. */
@Controller()
@UseGuards(TokenGuard)
export class MetricsController {
  constructor(private readonly metrics: RaftMetricsService) {}

  @Get('_metrics')
  async scrape(@Res() reply: FastifyReply): Promise<void> {
    const { contentType, text } = await this.metrics.scraped();
    await reply.header('content-type', contentType).header('cache-control', 'no-store').send(text);
  }
}
