import type { Entry } from '../../../core/base/entry';
import type { LogId } from '../../../core/base/types';
import type {
  AppliedState,
  CommandOutcome,
  ReplicatedStateMachine,
  SnapshotSource,
} from '../../../state-machine/contract';

/** The product's own state machine host, with somebody who looks on. */
export class ObservedMachine implements ReplicatedStateMachine {
  constructor(
    private readonly machine: ReplicatedStateMachine,
    private readonly applying: (entries: readonly Entry[]) => void,
    private readonly appliedTo: (index: number) => void,
    private readonly restored: (last: LogId) => void,
    private readonly captured: () => void,
  ) {}

  applied(): Promise<AppliedState> {
    return this.machine.applied();
  }

  async apply(entries: readonly Entry[], wanted: (index: number) => boolean): Promise<readonly CommandOutcome[]> {
    this.applying(entries);
    const outcomes = await this.machine.apply(entries, wanted);
    this.appliedTo(entries.at(-1)?.index ?? 0);
    return outcomes;
  }

  belongsTo(clusterId: string): void {
    this.machine.belongsTo?.(clusterId);
  }

  async appliedElsewhere(): Promise<number> {
    return (await this.machine.appliedElsewhere?.()) ?? 0;
  }

  async snapshotStored(index: number): Promise<void> {
    await this.machine.snapshotStored?.(index);
  }

  refusalOf(command: Uint8Array): string | undefined {
    return this.machine.refusalOf(command);
  }

  query(query: Uint8Array): Promise<CommandOutcome> {
    return this.machine.query(query);
  }

  capture(): SnapshotSource | Promise<SnapshotSource> {
    const source = this.machine.capture();
    if (!(source instanceof Promise)) return source;
    return source.then((captured) => {
      this.captured();
      return captured;
    });
  }

  async restore(last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.machine.restore(last, chunks);
    this.restored(last);
  }

  nextExpiryMs(): number | undefined {
    return this.machine.nextExpiryMs?.();
  }

  clusterTimeMs(): number {
    return this.machine.clusterTimeMs();
  }
}
