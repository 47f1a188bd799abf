import { RaftError } from '../../errors/raft-error';

export function notStarted(): RaftError {
  return new RaftError(
    'RAFT_NOT_STARTED',
    'The node has not started yet; it starts in onApplicationBootstrap. Call it from there on, not in a constructor or in ' +
      'onModuleInit.',
    { retryAfterMs: 1000 },
  );
}

export function shuttingDown(): RaftError {
  return new RaftError('RAFT_SHUTTING_DOWN', 'This node is shutting down; nothing was applied. Ask another node.', {
    retryAfterMs: 1000,
  });
}

/** For a command that is in a log, or on its way there, when this node stops. */
export function undecided(why: string): RaftError {
  return new RaftError(
    'RAFT_INDETERMINATE',
    `This node stopped before the command was decided: it may or may not be applied. Read the state before you send it again. (${why})`,
  );
}

/** This time it wasn't accepted; the time before it may have been. */
export function refusedOnceMore(error: RaftError): RaftError {
  return new RaftError(
    'RAFT_INDETERMINATE',
    `The command was sent more than once, and refused at last, so that it may or may not be applied: read the state before you send it again. (${error.message})`,
  );
}
