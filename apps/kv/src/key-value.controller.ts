import { Controller, Delete, Get, Header, MethodNotAllowedException, Patch, Post, Put, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { InjectStateMachine, RaftError, type Replicated } from 'nestjs-raft';
import { entityTag, isFresh, writePrecondition } from './entity-tag';
import { FollowerGate } from './follower-gate.service';
import { KeyValueMachine, type WriteResult } from './key-value.machine';
import { consistencyOf, headerOf, idempotencyKeyOf, jsonOf, keyOf } from './key-value.request';

const JSON_TYPE = 'application/json; charset=utf-8';
const ALLOWED = 'GET, HEAD, PUT, DELETE';

/**
 * Any path is a key, any JSON a value. The handlers take the raw request and reply, without guard, pipe or interceptor: these
 * are the hot routes.
 */
@ApiExcludeController()
@Controller()
export class KeyValueController {
  constructor(
    @InjectStateMachine(KeyValueMachine) private readonly store: Replicated<KeyValueMachine>,
    private readonly gate: FollowerGate,
  ) {}

  @Get('*')
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const key = keyOf(request);
    const consistency = consistencyOf(request);
    if (consistency !== 'stale') {
      const admitted = this.gate.admits(request, reply);
      if (admitted !== true && !(await admitted)) return;
    }
    const { value: item, index } = await this.read(key, consistency);
    reply.header('x-raft-index', index);
    if (item === null) {
      reply
        .code(404)
        .type(JSON_TYPE)
        .send(`{"statusCode":404,"message":${JSON.stringify(`${key} isn't there`)}}`);
      return;
    }
    reply.header('etag', entityTag(item.version));
    if (isFresh(headerOf(request, 'if-none-match'), item.version)) reply.code(304).send();
    else reply.type(JSON_TYPE).send(item.json);
  }

  @Put('*')
  async put(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const key = keyOf(request);
    const json = jsonOf(request);
    const precondition = writePrecondition(headerOf(request, 'if-match'), headerOf(request, 'if-none-match'));
    const idempotencyKey = idempotencyKeyOf(request);
    const admitted = this.gate.admits(request, reply);
    if (admitted !== true && !(await admitted)) return;
    const { value: result, index } = await this.writing(request, idempotencyKey).put(key, json, precondition);
    requireDone(key, result);
    reply.header('x-raft-index', index).header('etag', entityTag(index)).type(JSON_TYPE).send(json);
  }

  @Delete('*')
  async remove(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const key = keyOf(request);
    const precondition = writePrecondition(headerOf(request, 'if-match'), headerOf(request, 'if-none-match'));
    const idempotencyKey = idempotencyKeyOf(request);
    const admitted = this.gate.admits(request, reply);
    if (admitted !== true && !(await admitted)) return;
    const { value: result, index } = await this.writing(request, idempotencyKey).remove(key, precondition);
    requireDone(key, result);
    reply.header('x-raft-index', index).type(JSON_TYPE).send(`{"deleted":${result.existed}}`);
  }

  @Post('*')
  @Header('allow', ALLOWED)
  refusePost(): never {
    return refuse('POST');
  }

  @Patch('*')
  @Header('allow', ALLOWED)
  refusePatch(): never {
    return refuse('PATCH');
  }

  /** With a key, a repeated request is answered as the first was, and writes nothing. */
  private writing({ raw }: FastifyRequest, idempotencyKey: string | undefined): Replicated<KeyValueMachine, 'ordered'> {
    const ordered = this.store.$ordered();
    if (idempotencyKey === undefined) return ordered;
    // Keys are kept for ten minutes, and nobody is to use up those of all.
    return ordered.$caller(`http ${raw.socket.remoteAddress ?? 'unknown'}`).$idempotencyKey(idempotencyKey);
  }

  private read(key: string, consistency: 'linearizable' | 'lease' | 'stale') {
    const ordered = this.store.$ordered();
    switch (consistency) {
      case 'linearizable':
        return ordered.get(key);
      case 'lease':
        return ordered.$lease().get(key);
      case 'stale':
        return ordered.$stale().get(key);
    }
  }
}

function refuse(method: string): never {
  throw new MethodNotAllowedException(`${method} isn't for keys: GET, PUT and DELETE are`);
}

function requireDone(key: string, result: WriteResult): asserts result is Extract<WriteResult, { done: true }> {
  if (result.done) return;
  const now = result.version === null ? "isn't there" : `is at ${entityTag(result.version)}`;
  throw new RaftError('RAFT_CONFLICT', `Nothing was written: ${key} ${now}, which isn't what the request asks for`, {
    details: { version: result.version },
  });
}
