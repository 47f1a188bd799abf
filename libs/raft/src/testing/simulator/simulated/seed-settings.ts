import type { RaftLimits } from '../../../runtime/options/raft-node-options';
import type { SnapshotOptions } from '../../../runtime/options/snapshot-options';
import { Chance } from '../base/chance';
import type { DiskConditions } from './simulated-storage';
import type { NetworkConditions } from './simulated-network';

/** What a seed draws before anything happens. */
export interface SeedSettings {
  /** Founders. */
  readonly nodes: number;
  /** Nodes that may join later. */
  readonly spares: number;
  /** Members come and go, and votes with them. */
  readonly membershipChanges: boolean;
  /** Nodes come back at other addresses. */
  readonly moves: boolean;
  readonly electionTimeoutMs: number;
  readonly leaseReads: { readonly driftMargin: number } | null;
  readonly limits: Partial<RaftLimits>;
  /** Small and frequent, so that followers fall behind the log's head. */
  readonly snapshots: Partial<SnapshotOptions>;
  readonly network: NetworkConditions;
  readonly disk: Omit<DiskConditions, 'away' | 'stalledUntilMs'>;
  /** Messages pass the codec of the peer protocol. */
  readonly coded: boolean;
  /** By how much a machine's clock may run fast or slow. */
  readonly clockDrift: number;
  readonly clients: number;
  /** Clients with a session, which send again what isn't answered. */
  readonly sessionClients: number;
  /** In which share of the changes of the leader clients rush to those who lead. */
  readonly rushes: number;
  /** On how many keys; few, where reads race with writes. */
  readonly keys: number;
  /** Mean time between two faults. */
  readonly faultEveryMs: number;
  /** A founder is killed before all have adopted genesis. */
  readonly crashWhileFounding: boolean;
  /** The share of reads among all calls. A leader can be deposed by one that was cut off from it only while little is written. */
  readonly reads: number;
  /** The registers are kept in a database beside the log, which outlasts a process, as replicated tables are. */
  readonly inDatabase: boolean;
  /** When faults end and everything is healed. */
  readonly healAtMs: number;
  /** When clients end, if they have made their calls. */
  readonly endAtMs: number;
}

/** A round trip that is so long has the next two heartbeats on their way when the first is answered. */
export const THREE_HEARTBEATS_MS = 300;

const LEAST_DELAYS_MS = [0.1, 1, 60, THREE_HEARTBEATS_MS / 2, THREE_HEARTBEATS_MS / 2];

/** By so much may clocks be off where no lease rests on them: the slowest takes twice the time of the fastest. */
const BEYOND_ANY_MARGIN = 0.34;

/**
 * A lease lasts this share of the time for which voters hold to their leader, each by its own clock: so the slowest clock may
 * take that much longer than the fastest, and stays a little below.
 */
function driftWithin(margin: number): number {
  return (0.95 * (1 - margin)) / (1 + margin);
}

/** The least that a seed does. */
export const LEAST_OF_A_SEED = Object.freeze({ simulatedMs: 60_000, faults: 5 });

/** How many calls its clients make; what a client with a session sends again is the same call. */
export const CALLS_OF_A_SEED = 200;
/** How many of them a client with a session makes at most. */
export const CALLS_OF_A_SESSION_CLIENT = 25;

/** What a seed stands for; the same for the same number. */
export function drawSettings(seed: number): SeedSettings {
  const chance = new Chance(seed);
  const nodes = Number(chance.weighted({ 1: 12, 3: 60, 5: 28 }));
  const withLeases = chance.happens(0.25);
  const driftMargin = chance.pick([0.5, 0.8]);
  const membershipChanges = chance.happens(0.55);
  const spares = membershipChanges ? chance.between(nodes === 5 ? 0 : 1, 3) : 0;
  const electionTimeoutMs = chance.pick([500, 1000, 1000]);
  return {
    nodes,
    spares,
    membershipChanges,
    // Drawn apart, so that the other settings of a seed stay what they are.
    moves: membershipChanges && nodes > 1 && Chance.of(seed, 'moves').happens(0.4),
    electionTimeoutMs,
    leaseReads: withLeases ? { driftMargin } : null,
    limits: chance.happens(0.5) ? tightLimits(chance) : {},
    network: {
      // Round trips that are longer than a heartbeat interval, and of three of them, which is near the shorter election time-out.
      minDelayMs: withLeases
        ? chance.pick([0.2, 1])
        : chance.pick(electionTimeoutMs < 1000 ? [0.1, 0.2, 1, 1, 60] : LEAST_DELAYS_MS),
      meanDelayMs: chance.pick([0.3, 1, 10]),
      loss: chance.pick([0, 0, 0.002, 0.02]),
      repetition: chance.pick([0, 0.01, 0.05]),
      reorders: chance.happens(0.5),
      late: chance.pick([0, 0.001, 0.01]),
    },
    disk: {
      writeMs: chance.pick([0.4, 2, 8]),
      readMs: chance.pick([0.3, 2]),
      writeFailures: chance.pick([0, 0.002, 0.01]),
      readFailures: chance.pick([0, 0.02]),
    },
    coded: chance.happens(0.2),
    clockDrift: withLeases
      ? chance.pick([0.01, driftWithin(driftMargin)])
      : chance.pick([0.0002, 0.02, BEYOND_ANY_MARGIN]),
    clients: chance.between(3, 6),
    rushes: withLeases ? 1 : chance.pick([0, 0.5]),
    keys: withLeases ? 1 : chance.pick([2, 5]),
    faultEveryMs: chance.pick([1500, 2500, 4000]),
    crashWhileFounding: nodes > 1 && chance.happens(0.3),
    reads: withLeases ? chance.pick([0.6, 0.97, 0.97]) : chance.pick([0.2, 0.4]),
    healAtMs: 52_000,
    endAtMs: LEAST_OF_A_SEED.simulatedMs,
    snapshots: chance.happens(0.7)
      ? { afterEntries: chance.between(5, 60), trailingEntries: chance.pick([0, 2, 20]) }
      : {},
    sessionClients: chance.between(0, 3),
    inDatabase: chance.happens(0.4),
  };
}

/** Limits that a few small commands reach, so that windows fill, pages are read and batches are cut. */
function tightLimits(chance: Chance): Partial<RaftLimits> {
  return {
    maxAppendBytes: chance.pick([300, 1500]),
    maxInflightMessages: chance.pick([1, 2, 8]),
    maxInflightBytes: chance.pick([600, 4000]),
    logWindowBytes: chance.pick([400, 4000]),
    maxPersistBytes: chance.pick([300, 2000]),
    maxUncommittedBytes: chance.pick([1000, 100_000]),
    maxUnappliedBytes: chance.pick([1000, 100_000]),
  };
}
