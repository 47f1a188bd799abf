import type { Entry } from '../../libs/raft/src/core/base/entry';
import type { LogId } from '../../libs/raft/src/core/base/types';
import { decodeCommand } from '../../libs/raft/src/state-machine/entries/command-envelope';
import type {
  AppliedState,
  CommandOutcome,
  ReplicatedStateMachine,
  SnapshotSource,
} from '../../libs/raft/src/state-machine/contract';
import { decodeValue, encodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';

/** Remembers each command with its time. A test can hold it, or make it fail. */
export class LedgerMachine implements ReplicatedStateMachine {
  readonly lines: string[] = [];
  readonly times: number[] = [];
  readonly slices: number[] = [];
  fault: Error | undefined;
  /** Why commands can't be run here. */
  refusal: string | undefined;
  released = 0;
  restored = 0;
  restoreGate: Promise<void> | undefined;
  private gate: Promise<void> | undefined;
  private openGate: (() => void) | undefined;
  private lastTimeMs = 0;

  hold(): void {
    this.gate = new Promise((resolve) => (this.openGate = resolve));
  }

  release(): void {
    this.openGate?.();
    this.gate = undefined;
  }

  async applied(): Promise<AppliedState> {
    return { last: { term: 0, index: 0 }, configuration: undefined };
  }

  async apply(entries: readonly Entry[]): Promise<readonly CommandOutcome[]> {
    await this.gate;
    if (this.fault !== undefined) throw this.fault;
    this.slices.push(entries.length);
    return entries.map((entry) => this.applyOne(entry));
  }

  refusalOf(): string | undefined {
    return this.refusal;
  }

  async query(): Promise<CommandOutcome> {
    return { status: 'applied', value: encodeValue([...this.lines]) };
  }

  /** One line in a chunk. */
  capture(): SnapshotSource {
    const { lines, lastTimeMs } = this;
    const captured = lines.map((line) => encodeValue([line, lastTimeMs]));
    return {
      chunks: async function* () {
        yield* captured;
      },
      release: () => this.released++,
    };
  }

  async restore(_last: LogId, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.restoreGate;
    const lines: string[] = [];
    for await (const chunk of chunks) {
      const [line, timeMs] = decodeValue(chunk) as [string, number];
      lines.push(line);
      this.lastTimeMs = timeMs;
    }
    this.lines.splice(0, this.lines.length, ...lines);
    this.restored++;
  }

  clusterTimeMs(): number {
    return this.lastTimeMs;
  }

  private applyOne(entry: Entry): CommandOutcome {
    if (entry.kind !== 'command') return { status: 'applied', value: undefined };
    const { args, timeMs } = decodeCommand(entry.data);
    const [line] = args as [string];
    this.lastTimeMs = Math.max(this.lastTimeMs, timeMs);
    this.times.push(timeMs);
    if (line === 'refuse me') return { status: 'rejected', reason: 'NO', message: 'no', details: { line } };
    this.lines.push(line);
    return { status: 'applied', value: encodeValue(line) };
  }
}
