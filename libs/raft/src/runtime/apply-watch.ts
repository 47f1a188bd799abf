import type { Configuration } from '../core/configuration';
import { isVoter } from '../core/membership';
import type { ReplicaId } from '../core/types';
import { decodeValue, encodeValue } from '../state-machine/value-codec';
import type { PeerCalls } from './peer-calls';
import type { PeerLinks } from './peer-links';
import type { RaftLogger } from './raft-node-options';
import type { Scheduler } from './scheduler';
import type { Trouble } from './trouble';

const APPLIED = 'applied';
/** For so many election time-outs entries may be applied before a leader asks whether others get on. */
const PATIENCE = 4;
/** And before it is said to be a trouble: there are slow commands, which are slow on every node. */
const TROUBLE = 10;

export interface ApplyWatchPorts {
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
  /** What the state machine was handed and hasn't answered; undefined where nothing is. */
  readonly underWay: () => { readonly lastIndex: number; readonly sinceMs: number } | undefined;
  readonly handOver: (to: ReplicaId) => void;
  /** {@link ApplyWatch.trouble} is another now. */
  readonly troubleChanged: () => void;
}

/**
 * Looks after a state machine that hangs, as one does whose tables are in a database that doesn't answer. A leader in this
 * state can serve nobody, and its log goes on; so it hands over to a voter that has shown to have got past these entries.
 * Where no voter has, the commands are slow, or all depend on the same thing, and leadership doesn't wander.
 */
export class ApplyWatch {
  private nextMs = 0;
  private asking = false;
  private troubleNow: Trouble | undefined;

  constructor(private readonly ports: ApplyWatchPorts) {}

  /** That the state machine hangs, once that has lasted for long; it ends by itself. */
  get trouble(): Trouble | undefined {
    return this.troubleNow;
  }

  serve(): void {
    this.ports.calls.serve(APPLIED, () => Promise.resolve(encodeValue(this.ports.appliedIndex())));
  }

  tick(nowMs: number): void {
    const { electionTimeoutMs, isLeading } = this.ports;
    const underWay = this.ports.underWay();
    const ageMs = underWay === undefined ? 0 : nowMs - underWay.sinceMs;
    this.note(ageMs);
    if (underWay === undefined || ageMs < PATIENCE * electionTimeoutMs || !isLeading()) return;
    if (this.asking || nowMs < this.nextMs) return;
    this.nextMs = nowMs + electionTimeoutMs;
    void this.askOthers(underWay.lastIndex);
  }

  private note(ageMs: number): void {
    const isTroubled = ageMs >= TROUBLE * this.ports.electionTimeoutMs;
    if (isTroubled === (this.troubleNow !== undefined)) return;
    const reason = `its state machine doesn't get past entry ${this.ports.appliedIndex()}`;
    this.troubleNow = isTroubled ? { reason, sinceMs: this.ports.scheduler.wallMs() - ageMs } : undefined;
    this.ports.troubleChanged();
  }

  private async askOthers(lastIndex: number): Promise<void> {
    const { configuration, replicaId, isLeading, logger, handOver, appliedIndex } = this.ports;
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
      `The state machine here hangs behind entry ${appliedIndex()}; '${best.member.name}', which doesn't, is asked to lead.`,
    );
    handOver(best.member.id);
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
