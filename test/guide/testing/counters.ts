import {
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type CommandContext,
  type QueryContext,
  type SnapshotSource,
} from 'nestjs-raft';

@RaftStateMachine('counters')
export class Counters {
  private readonly values = new SnapshotMap<string, number>();

  @RaftCommand()
  increment(_context: CommandContext, name: string, by = 1): number {
    const value = (this.values.get(name) ?? 0) + by;
    this.values.set(name, value);
    return value;
  }

  @RaftQuery()
  current(_context: QueryContext, name: string): number {
    return this.values.get(name) ?? 0;
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}
