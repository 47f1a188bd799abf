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

/** Numbers that belong to the caller that reserved them. @publicApi */
export interface RaftSequenceBlock {
  readonly first: number;
  readonly last: number;
}

/** A block as it is answered, and kept as an answer: these names never change. */
export interface ReservedBlock {
  readonly first: number;
  readonly last: number;
}

/** The sequences of a group, each by its name. */
@RaftStateMachine('raft.sequences')
export class SequenceMachine {
  /** The number that comes next. */
  private readonly next = new SnapshotMap<string, number>();

  /** @param startAt the first number, where the sequence hasn't begun */
  @RaftCommand()
  reserve(_context: CommandContext, name: string, count: number, startAt: number): ReservedBlock {
    const first = this.next.get(name) ?? startAt;
    const next = first + count;
    if (!Number.isSafeInteger(next)) throw new RaftRejection('EXHAUSTED', { next: first });
    this.next.set(name, next);
    return { first, last: next - 1 };
  }

  /** @returns the number that the next block begins with; null where the sequence hasn't begun */
  @RaftQuery()
  peek(_context: QueryContext, name: string): number | null {
    return this.next.get(name) ?? null;
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.next.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.next.restore(chunks);
  }
}
