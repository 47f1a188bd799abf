import { RaftError } from '../../errors/raft-error';
import type { Hello } from '../../transport/contract';
import type { Scheduler } from '../base/scheduler';
import type { PeerLinks } from '../peers/peer-links';

export interface CallerPorts {
  readonly links: PeerLinks;
  readonly scheduler: Scheduler;
}

/**
 * @param caller who asked on another node
 * @returns why what waits to be proposed is dropped; undefined for as long as somebody waits for it
 */
export function untilGone(
  { scheduler, links }: CallerPorts,
  timeoutMs: number,
  caller?: Hello,
  signal?: AbortSignal,
): () => RaftError | undefined {
  const untilMs = scheduler.nowMs() + timeoutMs;
  const wasConnected = caller !== undefined && links.routes.stateOf(caller.advertise).state === 'connected';
  return () => {
    const hasLeft = wasConnected && links.routes.stateOf(caller.advertise).state !== 'connected';
    if (hasLeft || signal?.aborted === true) return callerLeft();
    if (scheduler.nowMs() < untilMs) return undefined;
    return new RaftError(
      'RAFT_TIMEOUT',
      'The time for the change was over before it was proposed; nothing was changed.',
    );
  };
}

/** @throws RaftError `RAFT_TIMEOUT` the caller has left */
export function requireCaller(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw callerLeft();
}

function callerLeft(): RaftError {
  return new RaftError(
    'RAFT_TIMEOUT',
    'The caller disconnected before the change was proposed; nothing was changed. Ask again.',
  );
}
