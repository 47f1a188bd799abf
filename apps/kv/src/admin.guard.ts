import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, UnauthorizedException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** A browser can't send a token with a link, and there is no data in the page: it asks for the token itself. */
const PAGE = /^\/_raft\/ui\/?(\?|$)/;

/** Lets in whoever has the bearer token. */
export class AdminGuard implements CanActivate {
  constructor(private readonly adminToken: string) {}

  canActivate(context: ExecutionContext): boolean {
    const { headers, method, url } = context.switchToHttp().getRequest<FastifyRequest>();
    if (method === 'GET' && PAGE.test(url)) return true;
    // Digests are of one length, so that the time of the comparison says nothing.
    if (timingSafeEqual(digest(headers.authorization ?? ''), digest(`Bearer ${this.adminToken}`))) return true;
    throw new UnauthorizedException('This path is for administrators: send Authorization: Bearer with the admin token');
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
