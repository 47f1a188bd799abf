import { KernelCluster } from './kernel-cluster';

describe('a single node', () => {
  it('leads at once, without waiting for a time-out', () => {
    const [n1] = new KernelCluster({ nodes: 1 }).all;

    expect(n1.role).toBe('leader');
    expect(n1.kernel.status.committedInTerm).toBe(true);
  });

  it('commits what its own disk holds, and not before', () => {
    const [n1] = new KernelCluster({ nodes: 1 }).all;
    n1.diskHeld = true;

    n1.propose('x');
    expect(n1.commands).toEqual([]);

    n1.finishWrites();
    expect(n1.commands).toEqual(['x']);
  });

  it('answers reads at once, however many heartbeats have passed', () => {
    const cluster = new KernelCluster({ nodes: 1 });
    const [n1] = cluster.all;

    n1.read(1);
    cluster.tick(7);
    n1.read(2);

    expect(n1.reads).toEqual([
      { context: 1, index: 1 },
      { context: 2, index: 1 },
    ]);
  });
});
