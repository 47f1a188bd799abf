import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type RaftStatus, RaftService } from 'nestjs-raft';

/** Whether the node is of use, for those who send requests to it. */
@Controller()
export class HealthController {
  constructor(private readonly raft: RaftService) {}

  /** 200 while this node can do its part: it runs, knows a leader, and its store serves it. Otherwise 503, and why. */
  @Get('_health')
  health(@Res() reply: FastifyReply): void {
    const { phase, reason, degraded, leader, role, catchingUp } = this.raft.status();
    const isUp = phase === 'running' && leader !== null;
    const ready = isUp && degraded === null && !catchingUp;
    const waitsFor =
      leader === null ? 'no leader is known' : catchingUp ? 'the node is joining, and has to catch up' : '';
    const why = reason !== '' ? reason : (degraded?.reason ?? waitsFor);
    reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({
        status: ready ? 'ok' : isUp && !catchingUp ? 'degraded' : 'unavailable',
        live: isLive(phase),
        ready,
        degraded,
        phase,
        role,
        leader: leader?.name ?? null,
        reason: why,
      });
  }

  /** 503 only where a new start of the process may help: what waits for others, or for its database, comes back automatically. */
  @Get('_health/live')
  live(@Res() reply: FastifyReply): void {
    const { phase, reason } = this.raft.status();
    reply
      .code(isLive(phase) ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ live: isLive(phase), phase, reason });
  }
}

function isLive(phase: RaftStatus['phase']): boolean {
  return phase !== 'failed';
}
