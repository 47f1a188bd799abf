/** Back-pressure: while too many calls or bytes wait in this node, another call is refused here, before it takes memory. */

import { MAX_SCHEMA_VERSION } from '../../core/base/entry';
import { RaftError } from '../../errors/raft-error';
import { isSchemaVersion } from './command-refusals';
import { undecided } from '../base/node-errors';
import { PendingRequest, type RequestResult } from './pending-request';
import type { RequestKind } from '../base/request-kind';
import type { RaftNodeOptions } from '../options/raft-node-options';
import type { ProposeOptions, QueryOptions } from '../base/call-options';
import type { RequestTable } from './request-table';
import type { RequestRouter } from './request-router';

/** What a session adds to a command. */
const MOST_SESSION_BYTES = 272;

export type RequestAdmissionOptions = Pick<RaftNodeOptions, 'requestTimeoutMs' | 'tracer'> & {
  readonly limits: Pick<RaftNodeOptions['limits'], 'maxCommandBytes' | 'maxPendingRequests' | 'maxPendingBytes'>;
};

/** Told of each call that comes in, before anything else is done with it. */
export interface CallReporter {
  called(request: PendingRequest): void;
}

/** Where calls come in, those of this process and those that other nodes send on, and where they are refused. */
export class RequestAdmission {
  /** @param closed why no call is accepted at the moment; undefined where calls are */
  constructor(
    private readonly options: RequestAdmissionOptions,
    private readonly requests: RequestTable,
    private readonly router: RequestRouter,
    private readonly reporter: CallReporter,
    private readonly closed: () => RaftError | undefined,
  ) {}

  call(kind: RequestKind, body: Uint8Array, options: ProposeOptions & QueryOptions): Promise<RequestResult> {
    const { timeoutMs = this.options.requestTimeoutMs, schemaVersion = 0, consistency = 'linearizable' } = options;
    const { maxLagMs, after, forward: mayForward = true, caller } = options;
    const parameters = { kind, body, schemaVersion, consistency, mayForward, timeoutMs, maxLagMs, after, caller };
    return new Promise((resolve, reject) => {
      this.submit(new PendingRequest(parameters, resolve, reject));
    });
  }

  submit(request: PendingRequest): void {
    const { kind, carrier, body } = request;
    request.beginTrace(this.options.tracer?.begin({ kind, carrier, bytes: body.length }));
    this.reporter.called(request);
    const refusal = this.closed() ?? this.refusalOf(request);
    if (refusal !== undefined) {
      request.failWith(refusal);
      return;
    }
    this.requests.open(request);
    this.router.dispatch(request);
  }

  /** Refuses what has no way yet; what is under way goes on. */
  refuseParked(error: RaftError): void {
    this.requests.failEach((request) => (request.stage === 'parked' && !request.isIndeterminate ? error : undefined));
  }

  /**
   * Answers everything that waits.
   *
   * @param notTakenIn for what is certainly in no log
   * @param why what happened, for commands of which nobody knows
   */
  answerEverybody(notTakenIn: RaftError, why: string): void {
    this.requests.failEach((request) => (request.isIndeterminate ? undecided(why) : notTakenIn));
  }

  /** @returns when no call waits */
  drained(): Promise<void> {
    return new Promise((resolve) => this.requests.whenIdle(resolve));
  }

  private refusalOf(request: PendingRequest): RaftError | undefined {
    const { maxCommandBytes, maxPendingRequests, maxPendingBytes } = this.options.limits;
    if (!Number.isFinite(request.timeoutMs) || request.timeoutMs < 0)
      return new RaftError('RAFT_CONFIGURATION', `timeoutMs is ${request.timeoutMs}: write a number of milliseconds.`);
    if (request.maxLagMs !== undefined && !(request.maxLagMs >= 0))
      return new RaftError('RAFT_CONFIGURATION', `maxLagMs is ${request.maxLagMs}: write a number of milliseconds.`);
    if (!Number.isSafeInteger(request.after) || request.after < 0)
      return new RaftError('RAFT_CONFIGURATION', `after is ${request.after}: write a log index.`);
    if (!isSchemaVersion(request.schemaVersion))
      return new RaftError(
        'RAFT_CONFIGURATION',
        `schemaVersion is ${request.schemaVersion}: write a whole number from 0 to ${MAX_SCHEMA_VERSION}.`,
      );
    // The node or client that sent it on has measured it, without its own session.
    const sessionBytes = request.isFromPeer ? MOST_SESSION_BYTES : 0;
    if (request.body.length > maxCommandBytes + sessionBytes) return tooLarge(request, maxCommandBytes);
    const { size, heldBytes } = this.requests;
    if (size >= maxPendingRequests) return tooMany(`${size} calls`, 'maxPendingRequests');
    const isCrowded = heldBytes > 0 && heldBytes + request.body.length > maxPendingBytes;
    return isCrowded ? tooMany(`Calls of ${heldBytes} bytes`, 'maxPendingBytes') : undefined;
  }
}

function tooMany(what: string, limit: string): RaftError {
  return new RaftError(
    'RAFT_BUSY',
    `${what} wait in this node already (limits.${limit}); nothing was applied. Slow down and try again.`,
    { retryAfterMs: 200 },
  );
}

function tooLarge(request: PendingRequest, limit: number): RaftError {
  const what = request.kind === 'propose' ? 'command' : 'query';
  return new RaftError(
    'RAFT_REJECTED',
    `The ${what} has ${request.body.length} bytes, at most ${limit} are taken (limits.maxCommandBytes). Split it, or keep ` +
      'large data elsewhere and replicate a reference to it.',
    { reason: `${what.toUpperCase()}_TOO_LARGE` },
  );
}
