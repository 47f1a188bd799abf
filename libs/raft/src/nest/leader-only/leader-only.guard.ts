import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { RaftError, type LeaderHint } from '../../errors/raft-error';
import type { RaftStatus } from '../../runtime/status/status';
import { answerableError } from '../errors/answerable-error';
import { RaftHttpException } from '../errors/raft-http.exception';
import { noLeader, notLeader, reachableLeader } from './follower-errors';
import { FORWARDED_BY } from './forwarded-headers';
import { guardedRoute, type GuardedRoute } from './guarded-route';
import { handlerKind, hasCaller } from '../common/handler-kind';
import { LeaderForwarder } from './leader-forwarder';
import { type LeaderOnlyOptions, LEADER_ONLY } from '../common/leader-only.interface';

type Handler = ReturnType<ExecutionContext['getHandler']>;

/**
 * What `@LeaderOnly()` attaches. On the leader it costs two look-ups and allocates nothing.
 *
 * @publicApi
 */
@Injectable()
export class LeaderOnlyGuard implements CanActivate {
  /** By controller and handler: a handler may be inherited by controllers with policies of their own. */
  private readonly routes = new WeakMap<object, WeakMap<Handler, GuardedRoute>>();

  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const route =
      this.routes.get(context.getClass())?.get(context.getHandler()) ??
      this.learnRoute(context.getClass(), context.getHandler());
    return route.raft.isLeader() || this.turnAway(context, route);
  }

  private turnAway(context: ExecutionContext, route: GuardedRoute): Promise<boolean> {
    if (route.policy.onFollower === 'skip' && !hasCaller(handlerKind(context.getHandler())))
      // The method leaves the call out by itself, without an error that filters would see.
      return Promise.resolve(true);
    const status = route.raft.status();
    const leader = reachableLeader(status);
    if (leader === undefined) return this.reject(context, noLeader(status));
    const { onFollower } = route.policy;
    if (context.getType() !== 'http' || onFollower === 'reject' || onFollower === 'skip')
      return this.reject(context, notLeader(status, leader));
    if (leader.http === '')
      return this.reject(
        context,
        notLeader(status, leader, `the call can't be ${onFollower}ed, as members has no http address for it`),
      );
    return onFollower === 'redirect'
      ? this.redirect(context, status, leader, route.policy.status)
      : this.forward(context, status, leader, route.timeoutMs);
  }

  private reject(context: ExecutionContext, error: RaftError): Promise<never> {
    return Promise.reject(answerableError(error, context, this.adapterHost.httpAdapter));
  }

  private redirect(
    context: ExecutionContext,
    status: RaftStatus,
    leader: LeaderHint,
    redirectStatus: number,
  ): Promise<never> {
    // Set here and not by a filter, so that it is there whichever filter answers.
    this.setHeader(context, 'Location', leader.http + this.requestTarget(context));
    return Promise.reject(
      new RaftHttpException(notLeader(status, leader, 'this answer sends you there'), redirectStatus),
    );
  }

  private async forward(
    context: ExecutionContext,
    status: RaftStatus,
    leader: LeaderHint,
    timeoutMs: number,
  ): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<ForwardedRequest>();
    if (request.headers[FORWARDED_BY] !== undefined)
      return this.reject(
        context,
        notLeader(status, leader, 'this call was forwarded once already, while the leadership moved'),
      );
    const forwarder = this.moduleRef.get(LeaderForwarder, { strict: false });
    try {
      await forwarder.forward({
        request,
        response: http.getResponse<unknown>(),
        adapter: this.adapterHost.httpAdapter,
        url: leader.http + this.requestTarget(context),
        nodeId: status.nodeId,
        timeoutMs,
      });
    } catch (error) {
      if (error instanceof RaftError) return this.reject(context, error);
      throw error;
    }
    // The answer is on its way. Neither true (the handler would run) nor false nor an error (a filter would answer again) is
    // right: this call's way through Nest ends here, and is collected with its request.
    return new Promise<never>(() => undefined);
  }

  private requestTarget(context: ExecutionContext): string {
    const request = context.switchToHttp().getRequest<unknown>();
    const target = this.adapterHost.httpAdapter.getRequestUrl(request) as string;
    if (target.startsWith('/')) return target;
    // The absolute form of RFC 9112, which must not choose the host.
    const url = new URL(target, 'http://localhost');
    return url.pathname + url.search;
  }

  private setHeader(context: ExecutionContext, name: string, value: string): void {
    this.adapterHost.httpAdapter.setHeader(context.switchToHttp().getResponse<unknown>(), name, value);
  }

  private learnRoute(controller: object, handler: Handler): GuardedRoute {
    const options: LeaderOnlyOptions =
      (Reflect.getMetadata(LEADER_ONLY, handler) as LeaderOnlyOptions | undefined) ??
      (Reflect.getMetadata(LEADER_ONLY, controller) as LeaderOnlyOptions | undefined) ??
      {};
    const route = guardedRoute(this.moduleRef, options);
    const ofController = this.routes.get(controller) ?? new WeakMap<Handler, GuardedRoute>();
    ofController.set(handler, route);
    this.routes.set(controller, ofController);
    return route;
  }
}

type ForwardedRequest = Parameters<LeaderForwarder['forward']>[0]['request'];
