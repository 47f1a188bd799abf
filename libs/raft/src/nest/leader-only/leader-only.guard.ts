import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { RaftError, type LeaderHint } from '../../core/raft-error';
import type { GroupId } from '../../core/types';
import type { RaftStatus } from '../../runtime/status';
import { getRaftToken } from '../get-raft-token';
import { LeaderForwarder } from './leader-forwarder';
import type { LeaderOnlyOptions, LeaderOnlyPolicy } from './leader-only.interface';
import { LEADER_ONLY } from './leader-only.metadata';
import { FORWARDED_BY } from './forwarded-headers';
import { answerableError } from '../errors/answerable-error';
import { RaftHttpException } from '../errors/raft-http.exception';
import type { RaftService } from '../raft.service';
import { leaderOnlyPolicy, type RaftSettings } from '../raft-settings';
import { getRaftSettingsToken } from '../raft.tokens';

interface GuardedRoute {
  readonly raft: Pick<RaftService, 'isLeader' | 'status'>;
  readonly policy: Required<LeaderOnlyPolicy>;
  readonly timeoutMs: number;
}

type Handler = ReturnType<ExecutionContext['getHandler']>;

/** While a leader is being elected, a caller that waits this long usually finds one. */
const ELECTION_RETRY_MS = 1_000;

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
    const status = route.raft.status();
    const leader = reachableLeader(status);
    if (leader === undefined) {
      return this.reject(context, noLeader(status));
    }
    if (context.getType() !== 'http' || route.policy.onFollower === 'reject') {
      return this.reject(context, notLeader(status, leader));
    }
    if (leader.http === '') {
      return this.reject(
        context,
        notLeader(
          status,
          leader,
          `the call can't be ${route.policy.onFollower}ed, as members has no http address for it`,
        ),
      );
    }
    return route.policy.onFollower === 'redirect'
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
    if (request.headers[FORWARDED_BY] !== undefined) {
      return this.reject(
        context,
        notLeader(status, leader, 'this call was forwarded once already, while the leadership moved'),
      );
    }
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
      if (error instanceof RaftError) {
        return this.reject(context, error);
      }
      throw error;
    }
    // The answer is on its way. Neither true (the handler would run) nor false nor an error (a filter would answer again) is
    // right: this call's way through Nest ends here, and is collected with its request.
    return new Promise<never>(() => undefined);
  }

  private requestTarget(context: ExecutionContext): string {
    const request = context.switchToHttp().getRequest<unknown>();
    const target = this.adapterHost.httpAdapter.getRequestUrl(request) as string;
    if (target.startsWith('/')) {
      return target;
    }
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
    const settings = this.find<RaftSettings>(getRaftSettingsToken(options.group), options.group);
    const route: GuardedRoute = {
      raft: this.find<RaftService>(getRaftToken(options.group), options.group),
      policy: leaderOnlyPolicy('@LeaderOnly()', options, settings.leaderOnly),
      timeoutMs: settings.requestTimeoutMs,
    };
    const ofController = this.routes.get(controller) ?? new WeakMap<Handler, GuardedRoute>();
    ofController.set(handler, route);
    this.routes.set(controller, ofController);
    return route;
  }

  private find<T>(token: ReturnType<typeof getRaftToken>, group: GroupId | undefined): T {
    try {
      return this.moduleRef.get<T>(token, { strict: false });
    } catch (error) {
      const call = group === undefined ? 'RaftModule.forRoot()' : `RaftModule.forRoot({ group: '${group}' })`;
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `@LeaderOnly() is used, but no module imports ${call}: import it once, in the application's root module.`,
        { cause: error },
      );
    }
  }
}

type ForwardedRequest = Parameters<LeaderForwarder['forward']>[0]['request'];

/** A leader that was elected a moment ago and hasn't committed yet names itself: sending a call there would send it here. */
function reachableLeader(status: RaftStatus): LeaderHint | undefined {
  const { leader } = status;
  if (leader === null || leader.name === status.nodeId) {
    return undefined;
  }
  return { name: leader.name, peer: leader.peer, http: leader.http };
}

function noLeader(status: RaftStatus): RaftError {
  switch (status.phase) {
    case 'removed':
    case 'quarantined':
      return new RaftError('RAFT_QUARANTINED', `The node ${status.nodeId} must not take part: ${status.reason}`);
    case 'stopping':
    case 'stopped':
      return new RaftError(
        'RAFT_SHUTTING_DOWN',
        `The node ${status.nodeId} is being stopped. Try again on another node.`,
      );
    case 'created':
      return new RaftError('RAFT_NOT_STARTED', `The node ${status.nodeId} has not started yet. Try again.`);
    case 'starting':
    case 'founding':
    case 'joining':
    case 'running':
    case 'failed':
      return new RaftError(
        'RAFT_NO_LEADER',
        `The node ${status.nodeId} knows no leader${status.reason === '' ? ': an election is under way, or there is no quorum' : `: ${status.reason}`}. Nothing was done. Try again.`,
        { retryAfterMs: ELECTION_RETRY_MS },
      );
  }
}

function notLeader(status: RaftStatus, leader: LeaderHint, addition?: string): RaftError {
  return new RaftError(
    'RAFT_NOT_LEADER',
    `The node ${status.nodeId} does not lead; ${leader.name} does${addition === undefined ? '' : `, and ${addition}`}. Nothing was done. Ask ${leader.name}.`,
    { leader },
  );
}
