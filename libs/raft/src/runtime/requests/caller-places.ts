import { RaftError } from '../../errors/raft-error';
import { KEY_TTL_MS } from '../../state-machine/entries/client-limits';
import { commandClaim, type PlaceClaim, sessionClaim } from '../../state-machine/host/place-claim';
import type { RaftLimits } from '../options/raft-node-options';

export type CallerLimits = Pick<
  RaftLimits,
  'maxSessionsPerCaller' | 'maxIdempotencyKeysPerCaller' | 'maxLocksPerCaller'
>;

interface Place {
  untilMs: number;
  ttlMs: number;
}

const KINDS = {
  session: { limit: 'maxSessionsPerCaller', what: 'sessions', ttlMs: 60_000 },
  key: { limit: 'maxIdempotencyKeysPerCaller', what: 'idempotency keys', ttlMs: KEY_TTL_MS },
  lease: { limit: 'maxLocksPerCaller', what: 'locks and permits, those that it waits for included,', ttlMs: 30_000 },
} as const;
/** Above so many callers, those without a place that lasts are forgotten. */
const SWEEP_ABOVE = 1024;

/**
 * How many places of the group each caller has taken, so that none takes those of all. It is the leader's own count, from what it
 * has put into the log: it is judged before the log and never at apply, where each node has to judge alike. A new leader begins at
 * nothing, and learns of sessions and locks as they are renewed; the bounds of all callers together hold meanwhile.
 */
export class CallerPlaces {
  private readonly callers = new Map<string, Record<PlaceClaim['of'], Map<string, Place>>>();

  constructor(private readonly limits: CallerLimits) {}

  /** Another leader may have let go of places, or given them out. */
  clear(): void {
    this.callers.clear();
  }

  /**
   * @param data of an entry that can be run
   * @returns the refusal of what would take more places than this caller may have
   */
  refusalOf(caller: string, kind: 'command' | 'session', data: Uint8Array, nowMs: number): RaftError | undefined {
    const claim = kind === 'session' ? sessionClaim(data) : commandClaim(data, KEY_TTL_MS);
    if (claim === undefined) return undefined;
    const places = this.placesOf(caller, nowMs)[claim.of];
    const known = places.get(claim.id);
    if (claim.does === 'drop') places.delete(claim.id);
    else if (claim.does === 'renew' || known !== undefined) this.keep(places, claim, known, nowMs);
    else {
      const most = this.limits[KINDS[claim.of].limit];
      if (places.size >= most) forgetEnded(places, nowMs);
      if (places.size >= most) return tooMany(claim.of, most, places, nowMs);
      this.keep(places, claim, known, nowMs);
    }
    return undefined;
  }

  private keep(places: Map<string, Place>, claim: PlaceClaim, known: Place | undefined, nowMs: number): void {
    const ttlMs = claim.ttlMs ?? known?.ttlMs ?? KINDS[claim.of].ttlMs;
    // A key counts from its first use.
    if (claim.of === 'key' && known !== undefined && known.untilMs > nowMs) return;
    places.set(claim.id, { ttlMs, untilMs: nowMs + ttlMs });
  }

  private placesOf(caller: string, nowMs: number): Record<PlaceClaim['of'], Map<string, Place>> {
    let places = this.callers.get(caller);
    if (places === undefined) {
      if (this.callers.size >= SWEEP_ABOVE) this.sweep(nowMs);
      places = { session: new Map(), key: new Map(), lease: new Map() };
      this.callers.set(caller, places);
    }
    return places;
  }

  private sweep(nowMs: number): void {
    for (const [caller, kinds] of this.callers) {
      const places = Object.values(kinds);
      for (const each of places) forgetEnded(each, nowMs);
      if (places.every(({ size }) => size === 0)) this.callers.delete(caller);
    }
  }
}

function forgetEnded(places: Map<string, Place>, nowMs: number): void {
  for (const [id, { untilMs }] of places) if (untilMs <= nowMs) places.delete(id);
}

function tooMany(of: PlaceClaim['of'], most: number, places: Map<string, Place>, nowMs: number): RaftError {
  const { limit, what } = KINDS[of];
  let freeMs = Number.POSITIVE_INFINITY;
  for (const { untilMs } of places.values()) freeMs = Math.min(freeMs, untilMs);
  return new RaftError(
    'RAFT_BUSY',
    `This caller has ${most} ${what} already, as many as one may have (limits.${limit}); nothing was applied. Give some back, or wait until they end.`,
    { reason: 'TOO_MANY_OF_CALLER', retryAfterMs: Math.max(1, Math.ceil(freeMs - nowMs)) },
  );
}
