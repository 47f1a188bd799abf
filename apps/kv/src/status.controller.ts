import { Controller, Get, Header, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type RaftStatus, RaftService } from 'nestjs-raft';

/** What the node says of itself. */
@Controller()
export class StatusController {
  constructor(private readonly raft: RaftService) {}

  @Get('_raft/status')
  @Header('cache-control', 'no-store')
  status(): RaftStatus {
    return this.raft.status();
  }

  /** 200 while the node runs and knows a leader; otherwise 503 and why. */
  @Get('_health')
  health(@Res() reply: FastifyReply): void {
    const { phase, reason, leader, role } = this.raft.status();
    const healthy = phase === 'running' && leader !== null;
    const why = reason === '' && leader === null ? 'no leader is known' : reason;
    reply
      .code(healthy ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: healthy ? 'ok' : 'unavailable', phase, role, leader: leader?.name ?? null, reason: why });
  }
}
