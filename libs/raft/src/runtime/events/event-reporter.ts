import type { ConfigurationInForce } from '../../core/base/configuration';
import type { KernelStatus } from '../../core/base/effects';
import type { CallOutcome } from '../base/request-kind';
import { membershipView } from '../status/membership-view';
import type { NodeEvents } from './node-events';
import type { CallOrigin } from './raft-events';
import type { ReadConsistency } from '../base/call-options';
import type { RequestKind } from '../base/request-kind';
import type { Scheduler } from '../base/scheduler';

/** What an event says of a call. */
export interface ReportedCall {
  readonly kind: RequestKind;
  readonly body: Uint8Array;
  readonly consistency: ReadConsistency;
  /** Whether another node sent it on. */
  readonly isFromPeer: boolean;
  /** @param settled called with the answer: its outcome and its place in the log, if it has one */
  onSettled(settled: (outcome: CallOutcome, index: number | null) => void): void;
}

/** Puts together what a node tells of its calls, elections, members and connections, each only where somebody listens. */
export class EventReporter {
  private role: KernelStatus['role'] = 'follower';
  private lastSent = '';
  private readonly connected = new Set<string>();

  constructor(
    private readonly events: NodeEvents,
    private readonly scheduler: Scheduler,
  ) {}

  /** A call came in: its answer will be told. */
  called(request: ReportedCall): void {
    const { proposal, read } = this.events.taps;
    // No call of a user's: it is there for others.
    if (request.kind === 'session') return;
    if (!(request.kind === 'propose' ? proposal : read).isHeard) return;
    const startedMs = this.scheduler.nowMs();
    const origin = request.isFromPeer ? 'peer' : 'caller';
    const bytes = request.body.length;
    request.onSettled((outcome, index) => {
      const durationMs = this.scheduler.nowMs() - startedMs;
      if (request.kind === 'propose') proposal.emit({ origin, outcome, index, bytes, durationMs });
      else this.readAnswered(request, origin, outcome, durationMs);
    });
  }

  statusChanged({ role, term, committedInTerm }: KernelStatus, leader: string | null): void {
    const { election, leadership } = this.events.taps;
    const before = this.role;
    this.role = role;
    const stage = stageOf(before, role);
    if (stage !== undefined && election.isHeard) election.emit({ stage, term });
    const isLeader = role === 'leader' && committedInTerm;
    const now = JSON.stringify([term, leader, isLeader]);
    if (now === this.lastSent) return;
    this.lastSent = now;
    if (leadership.isHeard) leadership.emit({ term, leader, isLeader });
  }

  configurationChanged(configuration: ConfigurationInForce): void {
    const { membership } = this.events.taps;
    if (!membership.isHeard) return;
    const { index, changing, members } = membershipView(configuration, null);
    const named = (isLearner: boolean): readonly string[] =>
      members.filter(({ role }) => (role === 'learner') === isLearner).map(({ name }) => name);
    membership.emit({ index, changing, voters: named(false), learners: named(true) });
  }

  connectionChanged(address: string, isConnected: boolean, peer: string, detail: string): void {
    if (this.connected.has(address) === isConnected) return;
    if (isConnected) this.connected.add(address);
    else this.connected.delete(address);
    const tap = this.events.taps.peer;
    if (tap.isHeard) tap.emit({ peer, address, state: isConnected ? 'connected' : 'lost', detail });
  }

  private readAnswered(request: ReportedCall, origin: CallOrigin, outcome: CallOutcome, durationMs: number): void {
    const { kind, consistency } = request;
    if (kind !== 'propose' && kind !== 'session')
      this.events.taps.read.emit({ origin, kind, consistency, outcome, durationMs });
  }
}

function stageOf(
  before: KernelStatus['role'],
  now: KernelStatus['role'],
): 'preVote' | 'vote' | 'won' | 'lost' | undefined {
  if (before === now) return undefined;
  if (now === 'preCandidate') return 'preVote';
  if (now === 'candidate') return 'vote';
  if (now === 'leader') return 'won';
  return before === 'leader' ? undefined : 'lost';
}
