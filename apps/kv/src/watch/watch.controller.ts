import { BadRequestException, Controller, Get, type OnModuleInit, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RaftService } from 'nestjs-raft';
import { SameOriginGuard } from 'nestjs-raft/admin';
import { AdminGuard } from '../access/admin.guard';
import { type KeyChange, KeyValueMachine } from '../key-value.machine';
import { ChangeHistory, type WatchEvent } from './change-history';
import { EventStream } from './event-stream';

/**
 * Changes of keys as they are applied on this node, leader or not. A watcher that comes back says with `Last-Event-ID` up to which
 * index it has them, to this node or to another, and misses none; `compacted` says that it has to read the keys anew.
 */
@Controller()
@UseGuards(new SameOriginGuard(), AdminGuard)
export class WatchController implements OnModuleInit {
  private readonly history = new ChangeHistory();
  private readonly streams = new Set<EventStream>();

  constructor(private readonly raft: RaftService) {}

  onModuleInit(): void {
    this.raft.changes<KeyChange>(KeyValueMachine).subscribe({
      next: (event) => this.history.hear(event),
      complete: () => this.streams.forEach((stream) => stream.end()),
    });
  }

  @Get('_raft/watch')
  watch(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { prefix = '/', after: asked } = request.query as { readonly prefix?: unknown; readonly after?: unknown };
    if (typeof prefix !== 'string') throw new BadRequestException('prefix must be one text, such as /users/');
    const after = indexOf(request.headers['last-event-id'] ?? asked);
    const stream = new EventStream(reply);
    this.streams.add(stream);
    stream.send(
      'watching',
      after ?? this.history.index,
      JSON.stringify({ prefix, after: after ?? this.history.index }),
    );
    const unwatch = this.history.watch(after, (event) => send(stream, prefix, event));
    stream.whenClosed(() => {
      unwatch();
      this.streams.delete(stream);
    });
  }
}

function send(stream: EventStream, prefix: string, event: WatchEvent): void {
  if (event.kind === 'gap') {
    const message = 'Changes up to this index are not known here any more: read the keys anew, and go on from it.';
    stream.send('compacted', event.index, JSON.stringify({ index: event.index, message }));
    return;
  }
  const { key, json, index } = event.change;
  if (!key.startsWith(prefix)) return;
  const name = JSON.stringify(key);
  if (json === null) stream.send('delete', index, `{"key":${name},"index":${index}}`);
  else stream.send('put', index, `{"key":${name},"index":${index},"value":${oneLine(json)}}`);
}

/** A value is kept as it came, and a line break would end the event's data. Within a JSON text it is never part of a string. */
function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replaceAll(/[\r\n]+/g, ' ') : json;
}

function indexOf(text: unknown): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  throw new BadRequestException(`Last-Event-ID (or after) is ${JSON.stringify(text)}: send the index of an event`);
}
