import type { Entry } from '../../core/entry';
import type { LogId } from '../../core/types';
import type {
  AppliedState,
  CommandOutcome,
  ReplicatedStateMachine,
  SnapshotSource,
} from '../../state-machine/contract';

/** The product's own state machine host, with somebody who looks on. */
export class ObservedMachine implements ReplicatedStateMachine {
  constructor(
    private readonly machine: ReplicatedStateMachine,
    private readonly applying: (entries: readonly Entry[]) => void,
    private readonly restored: (last: LogId) => void,
  ) {}

  applied(): Promise<AppliedState> {
    return this.machine.applied();
  }

  apply(entries: readonly Entry[], wanted: (index: number) => boolean): Promise<readonly CommandOutcome[]> {
    this.applying(entries);
    return this.machine.apply(entries, wanted);
  }

  refusalOf(command: Uint8Array): string | undefined {
    return this.machine.refusalOf(command);
  }

  query(query: Uint8Array): Promise<CommandOutcome> {
    return this.machine.query(query);
  }

  capture(): SnapshotSource | Promise<SnapshotSource> {
    return this.machine.capture();
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
