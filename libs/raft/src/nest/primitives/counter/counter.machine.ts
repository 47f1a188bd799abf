import type { CommandContext, QueryContext } from '../../../state-machine/declare/command-context';
import type { SnapshotSource } from '../../../state-machine/contract';
import {
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
} from '../../../state-machine/declare/decorators';
import { RaftRejection } from '../../../state-machine/declare/raft-rejection';
import { SnapshotMap } from '../../../state-machine/snapshot/snapshot-map';

/** The counters of a group, each by its name. */
@RaftStateMachine('raft.counters')
export class CounterMachine {
  private readonly values = new SnapshotMap<string, number>();

  @RaftCommand()
  add(_context: CommandContext, name: string, by: number): number {
    const value = this.valueOf(name) + by;
    if (!Number.isSafeInteger(value)) throw new RaftRejection('OVERFLOW', { value: this.valueOf(name) });
    this.values.set(name, value);
    return value;
  }

  /** @returns the value before */
  @RaftCommand()
  set(_context: CommandContext, name: string, value: number, expected: number | null = null): number {
    const before = this.valueOf(name);
    if (expected !== null && before !== expected) throw new RaftRejection('CONFLICT', { value: before });
    this.values.set(name, value);
    return before;
  }

  @RaftQuery()
  get(_context: QueryContext, name: string): number {
    return this.valueOf(name);
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }

  private valueOf(name: string): number {
    return this.values.get(name) ?? 0;
  }
}
