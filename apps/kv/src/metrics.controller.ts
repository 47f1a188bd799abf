import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { RaftMetricsService } from 'nestjs-raft/prometheus';

/** What Prometheus scrapes. */
@Controller()
export class MetricsController {
  constructor(private readonly metrics: RaftMetricsService) {}

  @Get('_metrics')
  async scrape(@Res() reply: FastifyReply): Promise<void> {
    const { contentType, text } = await this.metrics.scraped();
    await reply.header('content-type', contentType).header('cache-control', 'no-store').send(text);
  }
}
