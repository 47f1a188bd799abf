import { RaftError } from '../../errors/raft-error';
import type { ReplicatedStateMachine, StoredSession } from '../../state-machine/contract';
import { encodeSessionOperation } from '../../state-machine/entries/session-entry';
import { isOfNode } from '../requests/session-nonce';

/** A client session, as the node that was asked knows it. @publicApi */
export interface ClientSessionView {
  readonly id: string;
  /** How long it lasts without a command or a sign of life, in milliseconds. */
  readonly ttlMs: number;
  /** When it ends if nothing more is heard of it, by the cluster's time. */
  readonly expiresAt: Date;
  /** Answers that are kept because its client hasn't said that it has them, and their bytes. */
  readonly answers: number;
  readonly answerBytes: number;
}

/** @returns the sessions that clients opened, the one that ends first first; those by which nodes send commands on aren't among them */
export function clientSessions(machine: ReplicatedStateMachine): readonly ClientSessionView[] {
  return [...(machine.sessions?.() ?? [])]
    .filter(({ clientId }) => !isOfNode(clientId))
    .map(viewOf)
    .toSorted((left, right) => left.expiresAt.getTime() - right.expiresAt.getTime());
}

/** @throws RaftError `RAFT_REJECTED` with the reason `NODE_SESSION` */
export function closingOf(id: string): Uint8Array {
  if (isOfNode(id))
    throw new RaftError(
      'RAFT_REJECTED',
      `The session ${id} is that of a node, which sends its callers' commands on by it. It can't be closed; it ends with its node.`,
      { reason: 'NODE_SESSION' },
    );
  return encodeSessionOperation({ kind: 'close', clientId: id });
}

function viewOf({ clientId, ttlMs, activeMs, answers, bytes }: StoredSession): ClientSessionView {
  return { id: clientId, ttlMs, expiresAt: new Date(activeMs + ttlMs), answers, answerBytes: bytes };
}
