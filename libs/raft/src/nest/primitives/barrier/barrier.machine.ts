import type { CommandContext, QueryContext } from '../../../state-machine/declare/command-context';
import type { SnapshotSource } from '../../../state-machine/contract';
import {
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
} from '../../../state-machine/declare/decorators';
import { SnapshotMap } from '../../../state-machine/snapshot/snapshot-map';
import { ExpiringMachine } from '../shared/expiring-machine';

interface Arrival {
  readonly id: string;
  /** Cluster time up to which it counts, unless it asks again. */
  readonly untilMs: number;
}

interface BarrierRecord {
  /** How often the barrier has opened. */
  readonly generation: number;
  readonly arrivals: readonly Arrival[];
  /** Those for whom it opened of late: who asks again, as its answer was lost, isn't counted again. */
  readonly passed: readonly { readonly generation: number; readonly ids: readonly string[] }[];
}

export interface BarrierAsk {
  /** Of this wait: asking again with it is the same. */
  readonly id: string;
  readonly parties: number;
  /** How long it counts, unless it asks again. */
  readonly keepMs: number;
}

export type BarrierAnswer =
  | { readonly state: 'open'; readonly generation: number; readonly position: number }
  | { readonly state: 'waiting'; readonly arrived: number };

export interface BarrierStatus {
  readonly generation: number;
  readonly arrived: number;
}

/** Told when a barrier opens. */
export interface BarrierOpenEvent {
  readonly type: 'open';
  readonly barrier: string;
}

const NEW: BarrierRecord = { generation: 0, arrivals: [], passed: [] };
const KEPT_GENERATIONS = 16;

/** The barriers of a group, each by its name. */
@RaftStateMachine('raft.barriers')
export class BarrierMachine extends ExpiringMachine {
  private readonly barriers = new SnapshotMap<string, BarrierRecord>();

  @RaftCommand()
  arrive(context: CommandContext, name: string, { id, parties, keepMs }: BarrierAsk): BarrierAnswer {
    const record = this.settled(name, context.now);
    const before = passedBy(record, id);
    if (before !== undefined) return before;
    const arrival: Arrival = { id, untilMs: context.now + keepMs };
    const known = record.arrivals.some((other) => other.id === id);
    const arrivals = known
      ? record.arrivals.map((other) => (other.id === id ? arrival : other))
      : [...record.arrivals, arrival];
    if (arrivals.length < parties) {
      this.store(context, name, { ...record, arrivals });
      return { state: 'waiting', arrived: arrivals.length };
    }
    const generation = record.generation + 1;
    const passed = [{ generation, ids: arrivals.map((each) => each.id) }, ...record.passed].slice(0, KEPT_GENERATIONS);
    const opened: BarrierRecord = { generation, arrivals: [], passed };
    this.store(context, name, opened);
    context.emit({ type: 'open', barrier: name } satisfies BarrierOpenEvent);
    return passedBy(opened, id)!;
  }

  /** Ends a wait. @returns how it ended, where the barrier had opened for it; null where it hadn't, and it counts no more */
  @RaftCommand()
  leave(context: CommandContext, name: string, id: string): BarrierAnswer | null {
    const record = this.settled(name, context.now);
    const passed = passedBy(record, id);
    if (passed !== undefined) return passed;
    this.store(context, name, { ...record, arrivals: record.arrivals.filter((arrival) => arrival.id !== id) });
    return null;
  }

  @RaftQuery()
  status(context: QueryContext, name: string): BarrierStatus {
    const { generation, arrivals } = this.settled(name, context.now);
    return { generation, arrived: arrivals.length };
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.barriers.capture();
  }

  @RaftRestore()
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.barriers.restore(chunks);
    this.forgetDue();
    for (const [name, record] of this.barriers) this.setDue(undefined, name, endOf(record));
  }

  protected override expireKey(context: CommandContext, name: string): void {
    this.store(context, name, this.settled(name, context.now));
  }

  private settled(name: string, nowMs: number): BarrierRecord {
    const record = this.barriers.get(name) ?? NEW;
    return { ...record, arrivals: record.arrivals.filter(({ untilMs }) => untilMs > nowMs) };
  }

  private store(context: CommandContext, name: string, record: BarrierRecord): void {
    this.barriers.set(name, record);
    this.setDue(context, name, endOf(record));
  }
}

function passedBy({ passed }: BarrierRecord, id: string): (BarrierAnswer & { readonly state: 'open' }) | undefined {
  for (const { generation, ids } of passed) {
    const position = ids.indexOf(id);
    if (position !== -1) return { state: 'open', generation, position };
  }
  return undefined;
}

function endOf({ arrivals }: BarrierRecord): number | undefined {
  return arrivals.length === 0 ? undefined : Math.min(...arrivals.map(({ untilMs }) => untilMs));
}
