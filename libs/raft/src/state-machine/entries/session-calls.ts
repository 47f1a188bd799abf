import type { CommandSession } from './command-envelope';

/** Gives each call of a command its place in a client session: a `RaftSession`, or a `SessionTicket` of one. @publicApi */
export interface SessionCalls {
  /** Called once for each call, before it is sent. */
  begin(): CommandSession;
  /** The call has ended. @param answered whether the state machine said what became of the command */
  end(session: CommandSession, answered: boolean): void;
}
