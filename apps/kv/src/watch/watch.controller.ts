import { BadRequestException, Controller, Get, type OnModuleInit, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RaftService } from 'nestjs-raft';
import { beginEventStream, SameOriginGuard } from 'nestjs-raft/admin';
import { AdminGuard } from '../access/admin.guard';
import { type KeyChange, KeyValueMachine } from '../key-value.machine';
import { ChangeFeed } from './change-feed';

/**
 * Changes of keys as they are applied on this node, leader or not. A watcher that comes back says with `Last-Event-ID` up to which
 * index it has them, to this node or to another, and misses none; `compacted` says that it has to read the keys again.
 */
@Controller()
@UseGuards(new SameOriginGuard(), AdminGuard)
export class WatchController implements OnModuleInit {
  private readonly feed = new ChangeFeed();

  constructor(private readonly raft: RaftService) {}

  onModuleInit(): void {
    this.raft.changes<KeyChange>(KeyValueMachine).subscribe({
      next: (event) => this.feed.onEvent(event),
      complete: () => this.feed.close(),
    });
  }

  @Get('_raft/watch')
  watch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { prefix = '/', after: asked } = request.query as { readonly prefix?: unknown; readonly after?: unknown };
    if (typeof prefix !== 'string') throw new BadRequestException('prefix must be one text, such as /users/');
    const after = indexOf(request.headers['last-event-id'] ?? asked);
    this.feed.refuseWhereFull();
    const response = beginEventStream(request, reply);
    if (response !== undefined) this.feed.watch(response, prefix, after);
  }
}

function indexOf(text: unknown): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  throw new BadRequestException(`Last-Event-ID (or after) is ${JSON.stringify(text)}: send the index of an event`);
}
