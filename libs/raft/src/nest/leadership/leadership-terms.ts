import { ReplaySubject, type Observable } from 'rxjs';
import { RaftError } from '../../errors/raft-error';
import type { RaftStatus } from '../../runtime/status/status';
import type { Leadership } from './leadership.interface';

/**
 * Makes leaderships out of what a node says of itself: one for each term in which it led and committed, ended as soon as it
 * doesn't any more. Two never overlap, also where a status in between was never seen.
 */
export class LeadershipTerms {
  private readonly subject = new ReplaySubject<Leadership | null>(1);
  private scope: { readonly leadership: Leadership; readonly ending: AbortController } | undefined;
  private closed = false;

  constructor() {
    this.subject.next(null);
  }

  /** The present one at once, then each other; null while there is none. Completes with {@link close}. */
  get changes(): Observable<Leadership | null> {
    return this.subject.asObservable();
  }

  get current(): Leadership | null {
    return this.scope?.leadership ?? null;
  }

  changed(status: RaftStatus): void {
    if (this.closed) return;
    if (this.scope !== undefined && (!status.isLeader || status.term !== this.scope.leadership.term))
      this.end(lostBecause(this.scope.leadership, status));
    if (status.isLeader && this.scope === undefined) this.begin(status);
  }

  /** Ends the present one, and every later one before it begins. */
  close(reason: RaftError): void {
    if (this.closed) return;
    this.closed = true;
    if (this.scope !== undefined) this.end(reason);
    this.subject.complete();
  }

  private begin({ group, clusterId, nodeId, term }: RaftStatus): void {
    const ending = new AbortController();
    const leadership = Object.freeze({ group, clusterId, nodeId, term, token: term, signal: ending.signal });
    this.scope = { leadership, ending };
    this.subject.next(leadership);
  }

  private end(reason: RaftError): void {
    const ending = this.scope?.ending;
    this.scope = undefined;
    ending?.abort(reason);
    this.subject.next(null);
  }
}

function lostBecause({ nodeId, term }: Leadership, status: RaftStatus): RaftError {
  const { leader, reason } = status;
  const hint =
    leader === null || leader.name === nodeId ? undefined : { name: leader.name, peer: leader.peer, http: leader.http };
  const who =
    hint === undefined
      ? `no other leader is known yet${reason === '' ? '' : ` (${reason})`}`
      : `${hint.name} leads in term ${status.term}`;
  return new RaftError(
    'RAFT_NOT_LEADER',
    `The leadership of the node ${nodeId} in term ${term} has ended: ${who}. Stop what only a leader may do; what it left undone is the next leader's.`,
    hint === undefined ? {} : { leader: hint },
  );
}
