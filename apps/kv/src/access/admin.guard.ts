import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Inject,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { NodeSettings } from '../command-line';
import { NODE_SETTINGS } from '../node-settings.token';
import { hasToken } from './admin-token';
import { isLocalCaller } from './local-caller';

type AccessSettings = Pick<NodeSettings, 'adminToken' | 'adminOpen'>;

/** A browser can't send a token with a link, and there is no data in the page: it asks for the token itself. */
const PAGE = '/_raft/ui';
/** What is no secret on a node that wants no token: balancers and scripts ask for it from anywhere. */
const READ_FROM_ANYWHERE: ReadonlySet<string | undefined> = new Set([PAGE, '/_raft/status', '/_raft/members']);

/**
 * For paths that change the cluster or disclose its data. They ask for the token where there is one; without, they answer programs
 * on this machine alone, unless `--admin-open` was said.
 */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(@Inject(NODE_SETTINGS) private readonly settings: AccessSettings) {}

  canActivate(context: ExecutionContext): true {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { adminToken, adminOpen } = this.settings;
    // By the route and not by the URL, which can be written in many ways.
    const route = isRead(request) ? request.routeOptions.url : undefined;
    if (adminToken !== undefined) return route === PAGE || requireToken(context, adminToken);
    if (adminOpen || READ_FROM_ANYWHERE.has(route) || isLocalCaller(request.raw)) return true;
    throw new ForbiddenException(
      'Without an admin token this path answers programs on this machine only. Start the node with --admin-token-file and send that token, or with --admin-open, which lets in everybody who reaches it.',
    );
  }
}

/** For paths that everybody may read on a node that wants no token. */
@Injectable()
export class TokenGuard implements CanActivate {
  constructor(@Inject(NODE_SETTINGS) private readonly settings: AccessSettings) {}

  canActivate(context: ExecutionContext): true {
    const { adminToken } = this.settings;
    return adminToken === undefined || requireToken(context, adminToken);
  }
}

function requireToken(context: ExecutionContext, adminToken: string): true {
  const http = context.switchToHttp();
  if (hasToken(http.getRequest<FastifyRequest>().headers.authorization, adminToken)) return true;
  http.getResponse<FastifyReply>().header('www-authenticate', 'Bearer realm="admin"');
  throw new UnauthorizedException('This path is for administrators: send Authorization: Bearer with the admin token');
}

function isRead({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}
