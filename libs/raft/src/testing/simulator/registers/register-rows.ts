import { RaftCommand, RaftQuery, RaftStateMachine } from '../../../state-machine/declare/decorators';
import { RaftRejection } from '../../../state-machine/declare/raft-rejection';
import {
  type HasMemoryDatabase,
  type MemoryDatabase,
  memoryRows,
  type RowsCommandContext,
  type RowsQueryContext,
} from '../../memory-rows';
import { nextRegisterValue, type RegisterCommand, type RegisterValue } from './register-model';

/** What {@link RegisterMachine} is, in a database beside the log that outlasts the node's processes. */
@RaftStateMachine('registers', memoryRows())
export class RegisterRows implements HasMemoryDatabase {
  constructor(
    readonly database: MemoryDatabase,
    readonly pause: HasMemoryDatabase['pause'],
  ) {}

  @RaftCommand()
  put(context: RowsCommandContext, _operation: number, key: string, value: string): string {
    return change(context, key, { kind: 'put', value });
  }

  @RaftCommand()
  append(context: RowsCommandContext, _operation: number, key: string, value: string): string {
    return change(context, key, { kind: 'append', value });
  }

  @RaftCommand()
  increment(context: RowsCommandContext, _operation: number, key: string): string {
    return change(context, key, { kind: 'increment' });
  }

  @RaftCommand()
  compareAndSet(
    context: RowsCommandContext,
    _operation: number,
    key: string,
    expected: RegisterValue,
    value: string,
  ): string {
    return change(context, key, { kind: 'compareAndSet', expected, value });
  }

  @RaftQuery()
  get({ rows }: RowsQueryContext, key: string): RegisterValue {
    return (rows.get(key) as string | undefined) ?? null;
  }

  @RaftQuery()
  everything({ rows }: RowsQueryContext): [string, string][] {
    return ([...rows.entries()] as [string, string][]).sort(([left], [right]) => (left < right ? -1 : 1));
  }
}

function change({ rows }: RowsCommandContext, key: string, command: RegisterCommand): string {
  const before = (rows.get(key) as string | undefined) ?? null;
  const after = nextRegisterValue(before, command);
  if (after === undefined) throw new RaftRejection('MISMATCH', before);
  rows.set(key, after);
  return after;
}
