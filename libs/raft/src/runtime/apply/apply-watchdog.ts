import type { Configuration } from '../../core/base/configuration';
import { isVoter } from '../../core/membership/membership';
import type { ReplicaId } from '../../core/base/types';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import type { RaftLogger } from '../base/logger';
import type { Scheduler } from '../base/scheduler';
import type { Degradation } from '../base/degradation';

const APPLIED = 'applied';
/** For so many election time-outs entries may be in hand before a leader asks whether others get on. */
const PATIENCE = 4;
/** And before it is said to be a trouble, as there are slow commands; and before anything is done where nobody has them in hand. */
const TROUBLE = 10;

export interface ApplyWatchdogPorts {
  readonly replicaId: ReplicaId;
  readonly scheduler: Scheduler;
  readonly logger: RaftLogger;
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly callTimeoutMs: number;
  readonly electionTimeoutMs: number;
  readonly isLeading: () => boolean;
  readonly configuration: () => Configuration;
  readonly appliedIndex: () => number;
  readonly commitIndex: () => number;
  /** Up to here the log is in this node's store. */
  readonly durableIndex: () => number;
  /** What the state machine was handed and hasn't answered; undefined where nothing is. */
  readonly underWay: () => { readonly lastIndex: number; readonly sinceMs: number } | undefined;
  /** Whether the state is being captured, restored or fetched: then entries wait, as they should. */
  readonly isOccupied: () => boolean;
  /** What the state machine itself says that it waits for. */
  readonly waitsFor: () => string | undefined;
  readonly transferLeadership: (to: ReplicaId) => void;
  /** {@link ApplyWatchdog.degradation} is another now. */
  readonly degradationChanged: () => void;
}

/** Entries that are committed, and don't get applied. */
interface Standstill {
  /** A member that has applied this one got past it. */
  readonly lastIndex: number;
  readonly ageMs: number;
  /** The state machine has it in hand. */
  readonly isInHand: boolean;
}

/**
 * Looks after committed entries that don't get applied: a state machine hangs, as one does whose tables are in a database that
 * doesn't answer; it waits for something outside, and says so; or nobody gives it the entry. A leader in this state can serve
 * nobody, and its log goes on; so it hands over to a voter that has shown to have got past these entries. Where no voter has, the
 * commands are slow, or all depend on the same thing, and leadership doesn't wander.
 */
export class ApplyWatchdog {
  private nextMs = 0;
  private asking = false;
  private current: Degradation | undefined;
  /** Since when entries wait that nobody has in hand, and behind which one. */
  private idle: { readonly behind: number; readonly sinceMs: number } | undefined;

  constructor(private readonly ports: ApplyWatchdogPorts) {}

  /** That entries aren't applied, once that has lasted for long or the state machine has said why. It ends with the standstill. */
  get degradation(): Degradation | undefined {
    return this.current;
  }

  serve(): void {
    this.ports.calls.serve(APPLIED, () => Promise.resolve(encodeValue(this.ports.appliedIndex())));
  }

  tick(nowMs: number): void {
    const { electionTimeoutMs, isLeading } = this.ports;
    const standstill = this.standstill(nowMs);
    this.note(standstill);
    if (standstill === undefined || !isLeading()) return;
    const patience = standstill.isInHand ? PATIENCE : TROUBLE;
    if (standstill.ageMs < patience * electionTimeoutMs || this.asking || nowMs < this.nextMs) return;
    this.nextMs = nowMs + electionTimeoutMs;
    void this.askOthers(standstill.lastIndex);
  }

  private standstill(nowMs: number): Standstill | undefined {
    const underWay = this.ports.underWay();
    const applied = this.ports.appliedIndex();
    if (underWay !== undefined || applied >= this.ports.commitIndex() || this.ports.isOccupied()) {
      this.idle = undefined;
      if (underWay === undefined) return undefined;
      return { lastIndex: underWay.lastIndex, ageMs: nowMs - underWay.sinceMs, isInHand: true };
    }
    if (this.idle?.behind !== applied) this.idle = { behind: applied, sinceMs: nowMs };
    return { lastIndex: applied + 1, ageMs: nowMs - this.idle.sinceMs, isInHand: false };
  }

  private note(standstill: Standstill | undefined): void {
    const { electionTimeoutMs, scheduler } = this.ports;
    const waitsFor = this.ports.waitsFor();
    const ageMs = standstill?.ageMs ?? 0;
    const isDegraded = standstill !== undefined && (waitsFor !== undefined || ageMs >= TROUBLE * electionTimeoutMs);
    const reason = isDegraded ? (waitsFor ?? this.reasonOf(standstill)) : undefined;
    if (reason === this.current?.reason) return;
    const sinceMs = this.current?.sinceMs ?? scheduler.wallMs() - ageMs;
    this.current = reason === undefined ? undefined : { reason, sinceMs };
    this.ports.degradationChanged();
  }

  private reasonOf({ isInHand }: Standstill): string {
    const applied = this.ports.appliedIndex();
    if (isInHand) return `its state machine doesn't get past entry ${applied}`;
    const next = applied + 1;
    const waitsFor = this.ports.durableIndex() < next ? 'has not stored it' : "doesn't give it back";
    return `entry ${next} is committed and not applied: its store ${waitsFor}`;
  }

  private async askOthers(lastIndex: number): Promise<void> {
    const { configuration, replicaId, isLeading, logger, transferLeadership, appliedIndex } = this.ports;
    this.asking = true;
    const others = configuration().members.filter(({ id }) => id !== replicaId && isVoter(configuration(), id));
    const answers = await Promise.all(
      others.map(async (member) => ({ member, applied: await this.appliedAt(member.id) })),
    );
    this.asking = false;
    const best = answers.reduce((left, right) => (right.applied > left.applied ? right : left), {
      member: undefined as (typeof others)[number] | undefined,
      applied: lastIndex - 1,
    });
    if (best.member === undefined || !isLeading() || appliedIndex() >= lastIndex) return;
    logger.warn(
      `The state machine here doesn't get past entry ${appliedIndex()}; '${best.member.name}', which does, is asked to lead.`,
    );
    transferLeadership(best.member.id);
  }

  /** @returns 0 where it doesn't say */
  private async appliedAt(id: ReplicaId): Promise<number> {
    const { links, calls, callTimeoutMs } = this.ports;
    const route = links.routeTo(id);
    if (route === undefined) return 0;
    try {
      return Number(decodeValue(await calls.call(route.address, APPLIED, new Uint8Array(0), callTimeoutMs)));
    } catch {
      return 0;
    }
  }
}
