import { isRaftError } from '../../../errors/raft-error';
import type { Replicated } from '../../../state-machine/calls/replicated';
import { checkedCount } from '../shared/checked';
import type { PrimitiveParts } from '../../common/primitive';
import type { RaftSequenceBlock, ReservedBlock, SequenceMachine } from './sequence.machine';

/** Options of `raftSequence(name, options)`. @publicApi */
export interface RaftSequenceOptions {
  /**
   * How many numbers a node reserves at once, 1 to 1,000,000. Higher: fewer commands; more numbers are left out when it stops. Default 100.
   */
  readonly blockSize?: number;
  /** The first number of a sequence that hasn't begun. Default 1. */
  readonly startAt?: number;
}

const MAX_BLOCK = 1_000_000;

/**
 * Numbers of which none is given out twice, on whichever node. Inject it with `@InjectRaftSequence('name')`.
 *
 * A node reserves a block and gives out its numbers without asking anybody; they ascend on a node, not from one node to
 * another. What a node had reserved and not given out when it stopped is left out for good: there are gaps.
 *
 * @example
 * ```ts
 * const id = await this.orderIds.next();
 * ```
 * @publicApi
 */
export class RaftSequence {
  private readonly caller: Replicated<SequenceMachine>;
  private readonly blockSize: number;
  private readonly startAt: number;
  private nextNumber = 0;
  private lastNumber = -1;
  private refill: Promise<void> | undefined;

  constructor(
    /** The sequence's name. */
    readonly name: string,
    options: RaftSequenceOptions,
    parts: PrimitiveParts,
  ) {
    this.caller = parts.caller as Replicated<SequenceMachine>;
    this.blockSize = checkedCount(`blockSize of raftSequence('${name}')`, options.blockSize ?? 100, 1, MAX_BLOCK);
    this.startAt = checkedCount(`startAt of raftSequence('${name}')`, options.startAt ?? 1, Number.MIN_SAFE_INTEGER);
  }

  /**
   * @returns a number that nobody else has
   * @throws RaftError the block was used up and no other could be reserved; `RAFT_REJECTED` with the reason `EXHAUSTED` beyond 2^53 - 1
   */
  async next(): Promise<number> {
    while (this.nextNumber > this.lastNumber) {
      // Those who come meanwhile wait for the same block.
      this.refill ??= this.reserveNext().finally(() => (this.refill = undefined));
      await this.refill;
    }
    return this.nextNumber++;
  }

  /**
   * Reserves numbers that follow each other.
   *
   * @param count 1 to 1,000,000
   * @throws RaftError
   */
  async reserve(count: number): Promise<RaftSequenceBlock> {
    const checked = checkedCount(`The block of the sequence '${this.name}'`, count, 1, MAX_BLOCK);
    try {
      return blockOf(await this.caller.reserve(this.name, checked, this.startAt));
    } catch (error) {
      // A block that was reserved and whose answer was lost is a gap like any other.
      if (!isRaftError(error) || error.code !== 'RAFT_INDETERMINATE') throw error;
      return blockOf(await this.caller.reserve(this.name, checked, this.startAt));
    }
  }

  private async reserveNext(): Promise<void> {
    const { first, last } = await this.reserve(this.blockSize);
    this.nextNumber = first;
    this.lastNumber = last;
  }
}

function blockOf({ first, last }: ReservedBlock): RaftSequenceBlock {
  return { first, last };
}
