import {
  CommandContext,
  createReplicated,
  RaftCommand,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type SnapshotSource,
  StateMachineHost,
} from 'nestjs-raft';
import { VirtualCluster, type VirtualNode } from './virtual-cluster';

@RaftStateMachine('echo')
class Echo {
  private readonly said = new SnapshotMap<string, string>();

  @RaftCommand()
  say(_context: CommandContext, text: string): string {
    this.said.set(text, text);
    return text;
  }

  @RaftSnapshot()
  capture(): SnapshotSource {
    return this.said.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.said.restore(chunks);
  }
}

const LIMITS = { maxIdempotencyKeysPerCaller: 3, maxSessionsPerCaller: 3, maxLocksPerCaller: 3 };

describe('What one caller may take of the group', () => {
  let cluster: VirtualCluster;
  afterEach(() => cluster.stopAll());

  async function started(): Promise<{ readonly leader: VirtualNode; readonly follower: VirtualNode }> {
    cluster = new VirtualCluster(3);
    const nodes = cluster.founders.map(({ id }) =>
      cluster.make(id, { stateMachine: new StateMachineHost([new Echo()]), limits: LIMITS }),
    );
    await cluster.ends(Promise.all(nodes.map(({ raft }) => raft.start())));
    const leader = await cluster.leaderKnown();
    return { leader, follower: nodes.find((node) => node !== leader)! };
  }
  const say = ({ raft }: VirtualNode, caller: string | undefined, key: string): Promise<unknown> => {
    const calls = createReplicated(Echo, raft);
    const named = caller === undefined ? calls : calls.$caller(caller);
    return cluster.ends(named.$idempotencyKey(key).say(key));
  };
  const refusal = (asked: Promise<unknown>): Promise<unknown> =>
    asked.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('is bounded by the leader, through whichever node it calls, and leaves the others alone', async () => {
    const { leader, follower } = await started();
    for (const [node, key] of [
      [leader, 'a'],
      [follower, 'b'],
      [follower, 'c'],
    ] as const)
      await say(node, 'ann', key);
    for (const node of [leader, follower])
      expect(await refusal(say(node, 'ann', 'd'))).toMatchObject({
        code: 'RAFT_BUSY',
        reason: 'TOO_MANY_OF_CALLER',
        retryAfterMs: expect.any(Number) as number,
      });
    expect(await say(follower, 'ann', 'b')).toBe('b');
    expect(await say(follower, 'bob', 'e')).toBe('e');
    for (const key of ['f', 'g', 'h', 'i', 'j']) expect(await say(follower, undefined, key)).toBe(key);
  });

  it('puts nothing into the log where it is refused', async () => {
    const { leader } = await started();
    for (const key of ['a', 'b', 'c']) await say(leader, 'ann', key);
    const { lastIndex } = leader.raft.status();
    expect(await refusal(say(leader, 'ann', 'd'))).toMatchObject({ code: 'RAFT_BUSY' });
    expect(leader.raft.status().lastIndex).toBe(lastIndex);
  });

  it('shows in the list of sessions, from which any node ends one, and none of a node', async () => {
    const { leader, follower } = await started();
    const session = await cluster.ends(leader.raft.openSession({ ttlMs: 60_000 }));
    // A call through a follower goes by a session of that node, which isn't listed.
    await cluster.ends(createReplicated(Echo, follower.raft).say('hello'));
    expect(leader.raft.sessions().map(({ id }) => id)).toEqual([session.id]);
    await cluster.ends(follower.raft.closeSession(session.id));
    expect(leader.raft.sessions()).toEqual([]);
    const late = refusal(createReplicated(Echo, leader.raft).$session(session).say('late'));
    expect(await cluster.ends(late)).toMatchObject({ code: 'RAFT_SESSION_EXPIRED' });
    expect(await refusal(follower.raft.closeSession('5.80000001'))).toMatchObject({ reason: 'NODE_SESSION' });
  });
});
