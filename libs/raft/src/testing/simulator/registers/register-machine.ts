import type { CommandContext, QueryContext } from '../../../state-machine/declare/command-context';
import {
  RaftCommand,
  RaftQuery,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
} from '../../../state-machine/declare/decorators';
import type { SnapshotSource } from '../../../state-machine/contract';
import { RaftRejection } from '../../../state-machine/declare/raft-rejection';
import { SnapshotMap } from '../../../state-machine/snapshot/snapshot-map';
import { type RegisterCommand, type RegisterValue, nextRegisterValue } from './register-model';

/** The state that simulated clients read and change: text by key. Each command says which operation of the history it is. */
@RaftStateMachine('registers')
export class RegisterMachine {
  private readonly values = new SnapshotMap<string, string>();

  @RaftCommand()
  put(_context: CommandContext, _operation: number, key: string, value: string): string {
    return this.change(key, { kind: 'put', value });
  }

  @RaftCommand()
  append(_context: CommandContext, _operation: number, key: string, value: string): string {
    return this.change(key, { kind: 'append', value });
  }

  @RaftCommand()
  increment(_context: CommandContext, _operation: number, key: string): string {
    return this.change(key, { kind: 'increment' });
  }

  @RaftCommand()
  compareAndSet(
    _context: CommandContext,
    _operation: number,
    key: string,
    expected: RegisterValue,
    value: string,
  ): string {
    return this.change(key, { kind: 'compareAndSet', expected, value });
  }

  @RaftQuery()
  get(_context: QueryContext, key: string): RegisterValue {
    return this.values.get(key) ?? null;
  }

  @RaftQuery()
  everything(_context: QueryContext): [string, string][] {
    return [...this.values.entries()].sort(([left], [right]) => (left < right ? -1 : 1));
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }

  private change(key: string, command: RegisterCommand): string {
    const before = this.values.get(key) ?? null;
    const after = nextRegisterValue(before, command);
    if (after === undefined) throw new RaftRejection('MISMATCH', before);
    this.values.set(key, after);
    return after;
  }
}
