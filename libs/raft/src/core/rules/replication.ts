import { entrySizeBytes, type Entry } from '../base/entry';
import { Progress } from '../progress/progress';
import { quorumValue } from '../membership/quorum';
import type { KernelState } from '../state/state';
import type { ReplicaId } from '../base/types';

/**
 * Appends that aren't full wait for an answer while this many are on the way: what gathers meanwhile goes in one message,
 * since a message costs far more than an entry in it.
 */
const SMALL_APPENDS_IN_FLIGHT = 2;

export function addProgress(state: KernelState, id: ReplicaId): void {
  const { maxInflightMessages, maxInflightBytes } = state.options;
  state.progress.set(id, new Progress(id, state.log.lastIndex + 1, maxInflightMessages, maxInflightBytes, state.nowMs));
}

/** The replica lacks what the log no longer has: it is told to fetch a snapshot, and again with each of its heartbeats. */
export function needSnapshot(state: KernelState, progress: Progress): void {
  progress.becomeSnapshot();
  state.sendNow({ ...state.header(progress.id), kind: 'installSnapshot', required: state.log.terms.originId });
}

/** Sends what each replica lacks, as far as its window allows. */
export function replicate(state: KernelState): void {
  for (const progress of state.progress.values()) while (sendAppend(state, progress));
}

/**
 * Sends one append with the entries from `nextIndex` on.
 *
 * @param evenEmpty send it without entries too: its answer shows where the logs meet
 * @returns whether another may follow at once
 */
export function sendAppend(state: KernelState, progress: Progress, evenEmpty = progress.state === 'probe'): boolean {
  if (progress.paused) return false;
  const { log, options } = state;
  const prevIndex = progress.nextIndex - 1;
  const prevTerm = log.terms.termAt(prevIndex);
  if (prevTerm === undefined) {
    needSnapshot(state, progress);
    return false;
  }
  const pending = log.lastIndex - prevIndex;
  if (pending === 0 && !evenEmpty) return false;
  const entries = log.window.slice(progress.nextIndex, log.lastIndex, options.maxAppendBytes);
  if (entries === undefined) {
    const load = { from: progress.nextIndex, to: log.lastIndex, maxBytes: options.maxAppendBytes };
    progress.loadId = state.requestLoad(load);
    return false;
  }
  const full = entries.length < pending;
  if (progress.state === 'replicate' && !full && !evenEmpty && progress.inflights.messages >= SMALL_APPENDS_IN_FLIGHT)
    return false;
  sendEntries(state, progress, prevTerm, entries);
  return progress.state === 'replicate' && full;
}

/**
 * Entries that were read back from the store go out only if they still are what the log holds, and the log still knows what
 * they stand on: a truncation, a new term or the cut of its head may have passed the page on its way.
 */
export function sendLoaded(state: KernelState, progress: Progress, entries: readonly Entry[]): void {
  progress.loadId = 0;
  const prevTerm = state.log.terms.termAt(progress.nextIndex - 1);
  if (prevTerm === undefined || entries[0]?.index !== progress.nextIndex) return;
  const stale = entries.findIndex((entry) => state.log.terms.termAt(entry.index) !== entry.term);
  const current = stale < 0 ? entries : entries.slice(0, stale);
  if (current.length > 0 && !progress.paused) sendEntries(state, progress, prevTerm, current);
}

function sendEntries(state: KernelState, progress: Progress, prevTerm: number, entries: readonly Entry[]): void {
  const message = {
    ...state.header(progress.id),
    kind: 'appendEntries' as const,
    prev: { term: prevTerm, index: progress.nextIndex - 1 },
    entries,
    leaderCommit: state.log.commitIndex,
    acknowledged: progress.matchIndex,
  };
  state.sendNow(message);
  if (progress.state === 'probe') {
    progress.probeSequence = message.sequence;
    return;
  }
  const last = entries.at(-1);
  if (last === undefined) return;
  progress.nextIndex = last.index + 1;
  progress.inflights.add(
    last.index,
    entries.reduce((bytes, entry) => bytes + entrySizeBytes(entry), 0),
  );
}

/**
 * Tells every replica that this leader lives, and how far it may commit: never beyond what it is known to hold, as its tail
 * beyond may still differ (thesis §3.5).
 */
export function broadcastHeartbeat(state: KernelState): void {
  const round = state.readIndex.startRound();
  const confirmedAtMs = quorumConfirmedAtMs(state);
  // Before it has committed in its term, a leader doesn't know all that was committed before it (thesis §6.4).
  const isKnown = state.committedInTerm && Number.isFinite(confirmedAtMs);
  const quorumAgeMs = isKnown ? state.nowMs - confirmedAtMs : -1;
  for (const progress of state.progress.values())
    state.sendNow({
      ...state.header(progress.id),
      kind: 'heartbeat',
      commit: Math.min(progress.matchIndex, state.log.commitIndex),
      round,
      sentAtMs: state.nowMs,
      leaderCommit: state.log.commitIndex,
      echoMs: progress.echoMs,
      quorumAgeMs,
    });
}

/** When the last round was sent that a quorum has answered; -Infinity where there was none in this term. */
export function quorumConfirmedAtMs(state: KernelState): number {
  return quorumValue(state.configuration.configuration, (id) =>
    id === state.self ? state.nowMs : (state.progress.get(id)?.confirmedSentAtMs ?? Number.NEGATIVE_INFINITY),
  );
}
