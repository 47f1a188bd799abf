import { HttpException } from '@nestjs/common';
import type { LeaderHint, RaftError, RaftErrorCode } from '../../errors/raft-error';
import { raftErrorBody, raftErrorStatus } from './raft-error-response';

/**
 * A {@link RaftError} as Nest's own kind of exception, so that a filter of the application that catches everything keeps its
 * status and its code. `@LeaderOnly()` throws it; throw it yourself where you catch a `RaftError` in a controller.
 *
 * @publicApi
 */
export class RaftHttpException extends HttpException {
  readonly code: RaftErrorCode;
  readonly leader: LeaderHint | undefined;

  /**
   * @param error what happened
   * @param status overrides the status of the table
   */
  constructor(error: RaftError, status = raftErrorStatus(error)) {
    super(raftErrorBody(error, status), status, { cause: error });
    this.code = error.code;
    this.leader = error.leader;
  }
}
