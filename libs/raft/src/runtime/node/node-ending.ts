import { RaftError, type RaftErrorCode } from '../../errors/raft-error';
import { errorMessage } from '../base/error-message';
import { withDeadline } from '../base/with-deadline';
import type { RaftPhase } from '../status/status';
import { whatToDo } from '../store/opening';
import type { NodeParts } from './node-parts';
import type { NodeState } from './node-state';

/** The ways in which a node stops to take part before it is stopped: removed, in quarantine, or failed. */
export class NodeEnding {
  /** That this store is in quarantine is being written down. */
  private condemned: Promise<void> | undefined;

  constructor(
    private readonly state: NodeState,
    private readonly parts: NodeParts,
  ) {}

  quarantine(sentence: string, cause?: unknown): void {
    this.halt('quarantined', new RaftError('RAFT_QUARANTINED', sentence, { cause }));
  }

  /** The store has less than this replica promised. */
  rolledBack(what: string): void {
    this.condemn(`${what} ${whatToDo(this.parts.options.nodeId)}`);
  }

  /** Puts the store into quarantine for good: that stands in the store from now on, so that no restart forgets it. */
  condemn(sentence: string): void {
    if (!this.state.isOpen) return;
    this.condemned = this.state.boots?.condemn(sentence);
    this.quarantine(sentence);
  }

  fail(code: RaftErrorCode, sentence: string, cause?: unknown): void {
    this.halt('failed', new RaftError(code, sentence, { cause }));
  }

  /** It takes no further part: nothing is sent, and every call is answered. The store stays locked until the node is stopped. */
  halt(phase: RaftPhase & ('removed' | 'quarantined' | 'failed'), failure: RaftError): void {
    const { state } = this;
    const { options, paths } = this.parts;
    if (!state.isOpen) return;
    state.failure = failure;
    options.logger.error(failure.message);
    state.publisher.enter(state.publisher.phase === 'stopping' ? 'stopping' : phase, failure.message);
    void this.closeParts();
    paths.admission.answerEverybody(failure, failure.message);
    options.transport.stop().catch((error: unknown) => options.logger.warn(errorMessage(error)));
  }

  /** What was accepted before this node was removed is decided and applied here, and its callers hear of it first. */
  leave(sentence: string): void {
    const { state } = this;
    const { admission } = this.parts.paths;
    if (state.removal !== undefined) return;
    const removal = new RaftError('RAFT_QUARANTINED', sentence);
    state.removal = removal;
    admission.refuseParked(removal);
    const { scheduler, electionTimeoutMs } = this.parts.options;
    void withDeadline(scheduler, scheduler.nowMs() + electionTimeoutMs, admission.drained()).then(() =>
      this.halt('removed', removal),
    );
  }

  /** Ends timers and input. @returns when writes and applies that were under way have settled */
  async closeParts(): Promise<void> {
    const { boots, founding, replica } = this.state;
    const { silence, ticker, paths } = this.parts;
    silence.cancel();
    ticker.stop();
    paths.calls.close();
    boots?.close();
    paths.clientSessions.close();
    await Promise.all([this.condemned, founding?.close(), replica?.close()]);
  }
}
