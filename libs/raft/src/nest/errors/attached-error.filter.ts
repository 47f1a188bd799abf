import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { AttachedRaftError } from './answerable-error';
import { answerRpc, answerSocket } from './raft-exception.filter';

/**
 * Answers what guards and interceptors of ours throw outside HTTP, and nothing else. The decorators attach it to the handler,
 * as connected microservices of a hybrid application don't inherit global filters.
 */
@Catch(AttachedRaftError)
export class AttachedErrorFilter implements ExceptionFilter<AttachedRaftError> {
  catch(error: AttachedRaftError, host: ArgumentsHost): unknown {
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
