import { RestoreInterruptedError } from '../../libs/raft/src/state-machine/host/host-errors';
import { add, ALL, valueOf, VirtualCluster, type VirtualNode } from './virtual-cluster';

const SMALL = { afterEntries: 20, afterBytes: 1e9, afterMs: null, trailingEntries: 5 };

async function write(cluster: VirtualCluster, from: VirtualNode, count: number, prefix = 'line'): Promise<string[]> {
  const lines = Array.from({ length: count }, (_, at) => `${prefix}${at}`);
  for (const line of lines) await cluster.ends(from.raft.propose(add(line)));
  return lines;
}

describe('snapshots by themselves', () => {
  it('are taken after so many entries, and the log is cut behind them but for its tail', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader({ snapshots: SMALL });
    await write(cluster, leader, 45);
    await cluster.pass(1000);

    for (const { raft } of cluster.nodes.values()) {
      const { snapshot, firstIndex, lastIndex } = raft.status();
      expect(snapshot!.index).toBeGreaterThanOrEqual(40);
      expect(firstIndex).toBe(snapshot!.index - 5 + 1);
      expect(lastIndex).toBeGreaterThanOrEqual(46);
    }
    await cluster.stopAll();
  });

  it('leave so many bytes of the log behind them at most, after a start too: few large entries fill no store', async () => {
    const settings = { afterEntries: 1e6, afterBytes: 1e6, afterMs: null, trailingEntries: 10_000, trailingBytes: 2e5 };
    const cluster = new VirtualCluster(3);
    let leader = await cluster.startWithLeader({ snapshots: settings });
    const logBytes = (name: string): number =>
      cluster
        .backUp(name)
        .groups.get('default')!
        .entries.reduce((bytes, { data }) => bytes + data.length + 32, 0);
    let most = 0;
    const writeLarge = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at++) {
        await write(cluster, leader, 1, 'x'.repeat(20_000));
        for (const name of cluster.nodes.keys()) most = Math.max(most, logBytes(name));
      }
      await cluster.pass(1000);
    };
    const away = cluster.followers()[0]!;
    cluster.network.partition(
      [away.address],
      ['n1:7001', 'n2:7001', 'n3:7001'].filter((each) => each !== away.address),
    );
    await writeLarge(120);
    // What it lacks was cut, though it is far fewer entries than may trail: it gets the snapshot.
    cluster.network.heal();
    await cluster.until(() => away.raft.status().appliedIndex >= 121);
    expect(away.machine.restored).toBe(1);

    for (const node of [...cluster.nodes.values()]) await cluster.kill(node);
    leader = await cluster.startWithLeader({ snapshots: settings });
    await writeLarge(120);
    // Both bounds, and a few entries that came while a snapshot was written or one was fetched.
    expect(most).toBeLessThan(1e6 + 2e5 + 10 * 20_100);
    for (const { raft } of cluster.nodes.values()) {
      const { snapshot, firstIndex } = raft.status();
      expect(snapshot!.index - firstIndex + 1).toBe(9);
    }
    await cluster.stopAll();
  });

  it('are where a restarted node begins, and the log brings the rest', async () => {
    const cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader({ snapshots: SMALL });
    const lines = await write(cluster, leader, 45);
    await cluster.pass(100);
    await cluster.kill(leader);

    const again = cluster.make('n1', { snapshots: SMALL });
    await cluster.ends(again.raft.start());
    const all = await cluster.ends(again.raft.query(ALL));

    expect(valueOf(all)).toEqual(lines);
    expect(again.machine.restored).toBe(1);
    await cluster.stopAll();
  });

  it('are taken for their age where something was applied since', async () => {
    const cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader({ snapshots: { ...SMALL, afterMs: 5000 } });
    await write(cluster, leader, 3);
    await cluster.pass(4000);
    expect(leader.raft.status().snapshot).toBeNull();

    await cluster.pass(2000);
    const { snapshot } = leader.raft.status();
    expect(snapshot!.index).toBe(4);

    await cluster.pass(20_000);
    expect(leader.raft.status().snapshot).toEqual(snapshot);
    await cluster.stopAll();
  });

  it('are let go of, and tried again later, where the store fails', async () => {
    const cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader({ snapshots: SMALL });
    const refuse = jest.spyOn(leader.storage, 'writeSnapshot').mockRejectedValueOnce(new Error('no space left'));
    await write(cluster, leader, 25);
    await cluster.pass(100);
    expect(refuse).toHaveBeenCalledTimes(1);
    expect(leader.machine.released).toBe(1);
    expect(leader.logged.join('\n')).toContain('no space left');

    await cluster.pass(6000);
    await write(cluster, leader, 1);
    await cluster.pass(100);
    expect(leader.raft.status().snapshot!.index).toBe(27);
    await cluster.stopAll();
  });
});

describe('a snapshot on demand', () => {
  it('covers everything that was applied before the call, and is not taken twice', async () => {
    const cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader({ snapshots: { ...SMALL, afterEntries: 1e6 } });
    await write(cluster, leader, 3);

    const info = await cluster.ends(leader.raft.snapshot());
    expect(info).toMatchObject({ index: 4, chunks: 3 });
    expect(await cluster.ends(leader.raft.snapshot())).toMatchObject(info);
    expect(leader.machine.released).toBe(1);
    await cluster.stopAll();
  });

  it('is of one index although commands go on while its chunks are written', async () => {
    const cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader({ snapshots: { ...SMALL, afterEntries: 1e6 } });
    const lines = await write(cluster, leader, 10);
    const taking = leader.raft.snapshot();
    await write(cluster, leader, 10, 'later');
    const info = await cluster.ends(taking);
    await cluster.kill(leader);

    const again = cluster.make('n1');
    const stored = await again.storage.readSnapshot('default');
    expect(stored!.chunkCount).toBe(lines.length);
    expect(stored!.metadata.last.index).toBe(info.index);
  });
});

describe('a node that lacks what the log no longer has', () => {
  async function behind(): Promise<{ cluster: VirtualCluster; leader: VirtualNode; lines: string[]; name: string }> {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader({ snapshots: SMALL });
    const [follower] = cluster.followers();
    await cluster.kill(follower!);
    const lines = await write(cluster, leader, 60);
    await cluster.pass(1000);
    return { cluster, leader, lines, name: follower!.name };
  }

  it('installs a snapshot, takes the rest of the log, and no election happens', async () => {
    const { cluster, leader, lines, name } = await behind();
    const { term } = leader.raft.status();

    const again = cluster.make(name, { snapshots: SMALL });
    await cluster.ends(again.raft.start());
    await cluster.until(() => again.machine.lines.length === lines.length);

    expect(again.machine.lines).toEqual(lines);
    expect(again.machine.restored).toBe(1);
    expect(leader.raft.status().term).toBe(term);
    expect(again.raft.status().firstIndex).toBeGreaterThan(1);
    await cluster.stopAll();
  });

  it('gets it from the other follower, not from the leader', async () => {
    const { cluster, leader, name, lines } = await behind();
    const reads = jest.spyOn(leader.storage, 'readSnapshot');

    const again = cluster.make(name, { snapshots: SMALL });
    await cluster.ends(again.raft.start());
    await cluster.until(() => again.machine.lines.length === lines.length);

    expect(reads).not.toHaveBeenCalled();
    await cluster.stopAll();
  });

  it('goes on with it where it broke off, three times, and fetches nothing twice', async () => {
    const { cluster, lines, name } = await behind();
    const again = cluster.make(name, { snapshots: SMALL });
    await cluster.ends(again.raft.start());

    for (const part of [10, 20, 30]) {
      await cluster.until(() => (again.raft.status().install?.receivedBytes ?? 0) > part * 15);
      for (const other of cluster.nodes.values())
        if (other !== again) {
          cluster.network.cut(other.address, again.address);
          cluster.network.cut(again.address, other.address);
        }
      await cluster.pass(400);
      cluster.network.heal();
    }
    await cluster.until(() => again.machine.lines.length === lines.length);

    const stored = await again.storage.readSnapshot('default');
    expect(again.raft.status().fetchedBytes).toBe(stored!.sizeBytes);
    expect(again.machine.lines).toEqual(lines);
    await cluster.stopAll();
  });

  it('goes on with another node where the one that has it answers, and gives no chunk', async () => {
    const { cluster, leader, lines, name } = await behind();
    const source = cluster.followers().find((node) => node.name !== name)!;
    const { readSnapshot } = source.storage;
    jest.spyOn(source.storage, 'readSnapshot').mockImplementation(async (...asked) => {
      const stored = await readSnapshot.apply(source.storage, asked);
      const next = () => new Promise<IteratorResult<Uint8Array>>(() => undefined);
      return stored && { ...stored, chunks: { [Symbol.asyncIterator]: () => ({ next }) } };
    });
    const again = cluster.make(name, { snapshots: SMALL });
    await cluster.ends(again.raft.start());
    await cluster.until(() => again.raft.status().install?.source === source.name);
    await cluster.until(() => again.machine.lines.length === lines.length, 60_000);

    expect(again.raft.status().snapshot!.index).toBe(leader.raft.status().snapshot!.index);
    await cluster.stopAll();
  });

  it('begins anew with another where the only node that has it is gone for good', async () => {
    const cluster = new VirtualCluster(5);
    const leader = await cluster.startWithLeader({ snapshots: SMALL });
    const [follower, source] = cluster.followers() as [VirtualNode, VirtualNode];
    await cluster.kill(follower);
    const lines = await write(cluster, leader, 65);
    await cluster.pass(1000);
    const only = await cluster.ends(source.raft.snapshot());
    const again = cluster.make(follower.name, { snapshots: SMALL });
    await cluster.ends(again.raft.start());
    await cluster.until(() => (again.raft.status().install?.receivedBytes ?? 0) > 100);
    expect(again.raft.status().install).toMatchObject({ source: source.name, index: only.index });

    await cluster.kill(source);
    await cluster.until(() => again.machine.lines.length === lines.length, 120_000);

    expect(again.raft.status().snapshot!.index).toBeLessThan(only.index);
    expect(again.machine.lines).toEqual(lines);
    await cluster.stopAll();
  });

  it('installs it at a later attempt where the store fails in the middle of it', async () => {
    const { cluster, lines, name } = await behind();
    const again = cluster.make(name, { snapshots: SMALL });
    const { readSnapshot } = again.storage;
    let failures = 2;
    jest.spyOn(again.storage, 'readSnapshot').mockImplementation(async (...asked) => {
      const stored = await readSnapshot.apply(again.storage, asked);
      const isInstalling = again.raft.status().install?.stage === 'installing';
      return stored && isInstalling && failures-- > 0 ? { ...stored, chunks: broken(stored.chunks) } : stored;
    });
    await cluster.ends(again.raft.start());
    await cluster.until(() => again.machine.lines.length === lines.length);

    expect(failures).toBeLessThan(0);
    expect(again.machine.lines).toEqual(lines);
    expect(again.logged).toContainEqual(expect.stringContaining("couldn't be restored yet: the disk was away"));
    await cluster.stopAll();
  });

  it('installs it at a later attempt where the machine says that what holds its state failed', async () => {
    const { cluster, lines, name } = await behind();
    const again = cluster.make(name, { snapshots: SMALL });
    const restore = again.machine.restore.bind(again.machine);
    let failures = 2;
    jest.spyOn(again.machine, 'restore').mockImplementation(async (last, chunks) => {
      if (failures-- > 0) throw new RestoreInterruptedError('the database was away', undefined);
      await restore(last, chunks);
    });
    await cluster.ends(again.raft.start());
    await cluster.until(() => again.machine.lines.length === lines.length);

    expect(again.machine.lines).toEqual(lines);
    expect(again.machine.restored).toBe(1);
    await cluster.stopAll();
  });

  it("stops where the machine can't read it", async () => {
    const { cluster, name } = await behind();
    const again = cluster.make(name, { snapshots: SMALL });
    jest.spyOn(again.machine, 'restore').mockRejectedValue(new Error('unknown format'));
    await cluster.ends(again.raft.start());
    await cluster.until(() => again.raft.status().phase === 'failed');

    expect(again.raft.status().reason).toContain("can't be restored from a snapshot: unknown format");
    await cluster.stopAll();
  });

  it('trap 39: finishes an install at the next start that a crash cut off behind the machine', async () => {
    const { cluster, lines, name } = await behind();
    const first = cluster.make(name, { snapshots: SMALL });
    first.machine.restoreGate = new Promise(() => undefined);
    await cluster.ends(first.raft.start());
    await cluster.until(() => first.raft.status().install?.stage === 'installing');
    await cluster.pass(500);
    await cluster.kill(first);

    const again = cluster.make(name, { snapshots: SMALL });
    await cluster.ends(again.raft.start());
    expect(again.machine.restored).toBe(1);
    await cluster.until(() => again.machine.lines.length === lines.length);

    expect(again.machine.lines).toEqual(lines);
    expect(again.raft.status().fetchedBytes).toBe(0);
    await cluster.stopAll();
  });
});

/** The first chunk comes, and the store fails at the next. */
async function* broken(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk;
    throw new Error('the disk was away');
  }
}
