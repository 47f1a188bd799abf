import type { Entry } from '../../core/base/entry';
import type { RaftError } from '../../errors/raft-error';
import type { LogId } from '../../core/base/types';
import type { CommandOutcome } from '../../state-machine/contract';
import type { PendingRequest, RequestResult } from './pending-request';
import type { RequestTable } from './request-table';

/**
 * Calls whose command is in this node's log. Each waits for its index to be applied, and only the term tells whether the
 * entry there is still its own: after a change of leaders another command may have taken the place. Losing the leadership
 * decides nothing, because the next leader may commit the entry all the same.
 */
export class Waiters {
  private readonly byIndex = new Map<number, PendingRequest>();

  /**
   * @param replaced called with a call whose index was committed with another entry: it is certainly not applied by that
   * @param decided called with what became of a call
   */
  constructor(
    private readonly requests: RequestTable,
    private readonly replaced: (request: PendingRequest) => void,
    private readonly decided: (request: PendingRequest, result: RequestResult) => void,
  ) {}

  get size(): number {
    return this.byIndex.size;
  }

  add(request: PendingRequest, place: LogId): void {
    request.enterLog(place, this.byIndex.get(place.index));
    this.byIndex.set(place.index, request);
  }

  has(index: number): boolean {
    return this.byIndex.has(index);
  }

  /**
   * A snapshot took the place of everything up to `index`: what became of these commands, nobody can say here (they were
   * committed or replaced by entries that this node has never seen). Those whose repetitions the state machine tells ask it.
   */
  passedOver(index: number, error: () => RaftError): void {
    for (const [at, first] of this.byIndex) {
      if (at > index) continue;
      this.byIndex.delete(at);
      for (let request: PendingRequest | undefined = first; request !== undefined;) {
        const next: PendingRequest | undefined = request.leaveLog();
        if (request.mayForward && request.mayBeSentAgain) {
          request.leaveUnresolved();
          this.replaced(request);
        } else this.requests.fail(request, error());
        request = next;
      }
    }
  }

  /** The entry is applied: the callers that wait for its index learn what became of it. */
  decide(entry: Entry, outcome: CommandOutcome): void {
    let request = this.byIndex.get(entry.index);
    if (request === undefined) return;
    this.byIndex.delete(entry.index);
    while (request !== undefined) {
      const next: PendingRequest | undefined = request.leaveLog();
      if (!request.isSettled)
        if (this.isItsEntry(request, entry)) this.decided(request, { value: outcome, index: placeOf(entry, outcome) });
        else this.replaced(request);
      request = next;
    }
  }

  /** One (index, term) is one entry on every node (thesis §3.5, log matching); the index alone isn't. */
  isItsEntry(request: PendingRequest, entry: Entry): boolean {
    return request.term === entry.term;
  }
}

/** A repetition is answered with the place where the command was applied. */
function placeOf({ index }: Entry, outcome: CommandOutcome): number {
  return 'firstIndex' in outcome ? (outcome.firstIndex ?? index) : index;
}
