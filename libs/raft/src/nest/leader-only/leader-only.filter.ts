import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { RaftError, type LeaderHint } from '../../core/raft-error';
import { answerRpc, answerSocket } from '../errors/raft-exception.filter';

/** What `@LeaderOnly()` throws outside HTTP, where there is no `HttpException`. */
export class LeaderOnlyError extends RaftError {
  constructor(error: RaftError) {
    const leader: LeaderHint | undefined = error.leader;
    super(error.code, error.message, {
      ...(leader === undefined ? {} : { leader }),
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      cause: error,
    });
  }
}

/** Answers what the guard throws, and nothing else, so that `httpErrors: false` holds on guarded routes too. */
@Catch(LeaderOnlyError)
export class LeaderOnlyFilter implements ExceptionFilter<LeaderOnlyError> {
  catch(error: LeaderOnlyError, host: ArgumentsHost): unknown {
    switch (host.getType<string>()) {
      case 'rpc':
        return answerRpc(error);
      case 'ws':
        return answerSocket(error, host);
      default:
        return error;
    }
  }
}
