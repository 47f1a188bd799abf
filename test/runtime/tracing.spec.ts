import type { CallTrace, CallTracer, TracedCall } from 'nestjs-raft';
import { add, VirtualCluster } from './virtual-cluster';

/** Writes down what a node tells its tracer. */
class RecordingTracer implements CallTracer {
  readonly traces: { readonly call: TracedCall; readonly steps: string[] }[] = [];
  constructor(private readonly name: string) {}

  begin(call: TracedCall): CallTrace | undefined {
    if (call.kind !== 'propose') return undefined;
    const steps: string[] = [];
    this.traces.push({ call, steps });
    return {
      carrier: () => `trace of ${this.name}`,
      forwarded: (to) => steps.push(`forwarded to ${to}`),
      appended: ({ index }) => steps.push(`appended ${index}`),
      persisted: () => steps.push('persisted'),
      committed: () => steps.push('committed'),
      ended: (outcome) => steps.push(outcome),
    };
  }
}

describe('A traced call', () => {
  let cluster: VirtualCluster;
  const tracers = new Map<string, RecordingTracer>();

  beforeEach(async () => {
    cluster = new VirtualCluster(3);
    tracers.clear();
    const nodes = cluster.founders.map(({ id }) => {
      const tracer = new RecordingTracer(id);
      tracers.set(id, tracer);
      return cluster.make(id, { tracer });
    });
    await cluster.ends(Promise.all(nodes.map(({ raft }) => raft.start())));
    await cluster.leaderKnown();
  });
  afterEach(() => cluster.stopAll());

  it('is followed at the leader from the log over disk and commit to its answer', async () => {
    const leader = await cluster.leaderKnown();
    const { index } = await cluster.ends(leader.raft.propose(add('a')));
    const { call, steps } = tracers.get(leader.name)!.traces[0]!;
    expect(call).toEqual({ kind: 'propose', carrier: undefined, bytes: add('a').length });
    expect(steps[0]).toBe(`appended ${index}`);
    expect(steps.slice(1, 3).sort()).toEqual(['committed', 'persisted']);
    expect(steps.slice(3)).toEqual(['applied']);
  });

  it('takes its trace along to the leader when a follower sends it on', async () => {
    const leader = await cluster.leaderKnown();
    const [follower] = cluster.followers();
    await cluster.ends(follower!.raft.propose(add('b')));
    expect(tracers.get(follower!.name)!.traces.map(({ steps }) => steps)).toEqual([
      [`forwarded to ${leader.name}`, 'applied'],
    ]);
    const [there] = tracers.get(leader.name)!.traces;
    expect(there!.call.carrier).toBe(`trace of ${follower!.name}`);
    expect(there!.steps.at(-1)).toBe('applied');
  });

  it('ends with the code of its error, and a command that lost its place in the log is not taken for committed', async () => {
    const leader = await cluster.leaderKnown();
    const others = cluster.followers();
    for (const { address } of others) cluster.network.partition([leader.address], [address]);
    const lost = cluster.outcome(leader.raft.propose(add('lost'), { timeoutMs: 3000 }));
    expect((await lost).code).toBe('RAFT_TIMEOUT');
    cluster.network.heal();
    await cluster.pass(5000);
    const { steps } = tracers.get(leader.name)!.traces[0]!;
    expect(steps.at(-1)).toBe('RAFT_TIMEOUT');
    expect(steps).not.toContain('committed');
  });
});
