import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Inject, Injectable, UnauthorizedException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { NodeSettings } from './command-line';
import { NODE_SETTINGS } from './node-settings.token';

/** Lets in whoever has the bearer token, where one is configured. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(@Inject(NODE_SETTINGS) private readonly settings: NodeSettings) {}

  canActivate(context: ExecutionContext): boolean {
    const { adminToken } = this.settings;
    if (adminToken === undefined) return true;
    const { authorization = '' } = context.switchToHttp().getRequest<FastifyRequest>().headers;
    // Digests are of one length, so that the time of the comparison says nothing.
    if (timingSafeEqual(digest(authorization), digest(`Bearer ${adminToken}`))) return true;
    throw new UnauthorizedException('This path is for administrators: send Authorization: Bearer with the admin token');
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
