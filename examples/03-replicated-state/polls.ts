import {
  CommandContext,
  QueryContext,
  RaftCommand,
  RaftQuery,
  RaftRejection,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type SnapshotSource,
} from 'nestjs-raft';

@RaftStateMachine('polls')
export class Polls {
  /** What each voter chose, by poll and voter. */
  private readonly votes = new SnapshotMap<string, string>();

  @RaftCommand()
  vote(context: CommandContext, poll: string, voter: string, choice: string): { readonly votedAt: Date } {
    const key = `${poll}/${voter}`;
    const before = this.votes.get(key);
    if (before !== undefined) throw new RaftRejection('HAS_VOTED', { choice: before });
    this.votes.set(key, choice);
    return { votedAt: context.date() };
  }

  @RaftQuery()
  results(_context: QueryContext, poll: string): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [key, choice] of this.votes) if (key.startsWith(`${poll}/`)) counts[choice] = (counts[choice] ?? 0) + 1;
    return counts;
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.votes.capture();
  }

  @RaftRestore()
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.votes.restore(chunks);
  }
}
