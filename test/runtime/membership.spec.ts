import { add, VirtualCluster, type VirtualNode, watch } from './virtual-cluster';

const namesOf = (node: VirtualNode): string =>
  node.raft
    .members()
    .members.map(({ name, role }) => (role === 'voter' ? name : `${name} (${role})`))
    .join(' ');

const target = (...names: string[]) => names.map((name) => ({ name, peer: `${name}:7001` }));

/** Writes one after the other, from whichever node is there, until it is told to stop. */
function constantWrites(cluster: VirtualCluster): { stop: () => Promise<{ done: string[]; codes: string[] }> } {
  const done: string[] = [];
  const codes: string[] = [];
  let stopped = false;
  let ended = false;
  const next = (number: number): void => {
    if (stopped) {
      ended = true;
      return;
    }
    const nodes = [...cluster.nodes.values()].filter(({ raft }) => raft.status().phase === 'running');
    const line = `w${number}`;
    nodes[number % nodes.length]!.raft.propose(add(line)).then(
      () => {
        done.push(line);
        cluster.time.after(5, () => next(number + 1));
      },
      (error: { code: string }) => {
        codes.push(error.code);
        cluster.time.after(5, () => next(number + 1));
      },
    );
  };
  next(1);
  return {
    stop: async () => {
      stopped = true;
      await cluster.until(() => ended);
      return { done, codes };
    },
  };
}

describe('a cluster that grows and shrinks', () => {
  it('grows from 1 to 3 to 5 and shrinks to 3, its leader among the removed, under constant writes', async () => {
    const cluster = new VirtualCluster(1);
    await cluster.startWithLeader();
    const writes = constantWrites(cluster);
    for (const name of ['n2', 'n3', 'n4', 'n5']) {
      const joined = await cluster.join(name, 'n1');
      await cluster.until(
        () =>
          joined.raft.status().phase === 'running' &&
          namesOf(cluster.node('n1')).endsWith(name) &&
          !cluster.node('n1').raft.members().changing,
      );
    }
    expect(namesOf(cluster.node('n1'))).toBe('n1 n2 n3 n4 n5');

    const view = await cluster.ends(cluster.node('n4').raft.changeMembership(target('n3', 'n4', 'n5')));
    expect(view.members.map(({ name }) => name)).toEqual(['n3', 'n4', 'n5']);
    await cluster.until(() => cluster.node('n1').raft.status().phase === 'removed');
    await cluster.until(() => cluster.node('n2').raft.status().phase === 'removed');
    const { done, codes } = await writes.stop();

    const kept = cluster.node('n4');
    await cluster.ends(kept.raft.barrier());
    expect(done.filter((line) => !kept.machine.lines.includes(line))).toEqual([]);
    expect(done.length).toBeGreaterThan(50);
    expect(codes.filter((code) => code !== 'RAFT_INDETERMINATE' && code !== 'RAFT_QUARANTINED')).toEqual([]);
    await cluster.stopAll();
  });

  it('a leader that is removed leaves nobody in doubt whom it took in before, the hand-over included', async () => {
    const cluster = new VirtualCluster(4);
    const leader = await cluster.startWithLeader();
    const done: string[] = [];
    const codes: string[] = [];
    const goOn = (number: number): void => {
      if (leader.raft.status().phase === 'removed') return;
      leader.raft.propose(add(`w${number}`)).then(
        () => done.push(`w${number}`),
        (error: { code: string }) => codes.push(error.code),
      );
      cluster.time.after(1, () => goOn(number + 1));
    };
    goOn(1);
    await cluster.pass(200);
    const [kept] = cluster.followers();
    await cluster.ends(kept!.raft.remove(leader.name));
    await cluster.until(() => leader.raft.status().phase === 'removed');
    await cluster.pass(100);

    await cluster.ends(kept!.raft.barrier());
    expect(done.filter((line) => !kept!.machine.lines.includes(line))).toEqual([]);
    expect(kept!.machine.lines).toHaveLength(done.length);
    expect([...new Set(codes)]).toEqual(['RAFT_QUARANTINED']);
    await cluster.stopAll();
  });

  it('finishes a change under the next leader where the first one crashes', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    await cluster.join('n4', 'n2');
    const other = cluster.followers().find(({ raft }) => raft.status().phase === 'running')!;
    await cluster.until(() => leader.raft.status().membershipIndex > 0);
    await cluster.kill(leader);

    await cluster.until(() => namesOf(other).includes('n4') && !other.raft.members().changing, 60_000);
    expect(namesOf(other).split(' ')).toContain('n4');
    await cluster.stopAll();
  });

  it('keeps a learner a learner until it is promoted', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const joined = await cluster.join('n4', 'n1', { joinAs: 'learner' });
    await cluster.until(() => joined.raft.status().role === 'learner' && !leader.raft.members().changing);
    await cluster.pass(3000);
    expect(namesOf(leader)).toBe('n1 n2 n3 n4 (learner)');

    await cluster.ends(joined.raft.promote('n4'));
    expect(namesOf(leader)).toBe('n1 n2 n3 n4');
    await cluster.stopAll();
  });

  it('takes a node back with an empty store in the place of the one that it was', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [gone] = cluster.followers();
    await cluster.ends(leader.raft.propose(add('a')));
    await cluster.kill(gone!);
    cluster.wipe(gone!.name);
    await cluster.pass(3000);

    const through = [...cluster.nodes.keys()][0]!;
    const again = await cluster.join(gone!.name, through);
    await cluster.until(() => again.machine.lines.includes('a') && !leader.raft.members().changing, 60_000);

    expect(
      leader.raft
        .members()
        .members.map(({ name }) => name)
        .toSorted(),
    ).toEqual(['n1', 'n2', 'n3']);
    expect(again.raft.status().replicaId).toBe(4);
    await cluster.stopAll();
  });

  /** Two replicas have the name of a follower that lost its disk: the one that votes is gone, the new one was given up. */
  async function givenUpReplacement() {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const { name } = cluster.followers()[0]!;
    const replicas = () =>
      leader.raft.members().members.flatMap((member) => (member.name === name ? [`${member.id} ${member.role}`] : []));
    await cluster.kill(cluster.node(name));
    cluster.wipe(name);
    await cluster.pass(3000);
    const [old] = replicas();
    const again = await cluster.join(name, leader.name);
    await cluster.pass(200);
    await cluster.outcome(leader.raft.addMember({ name, peer: `${name}:7001` }, { timeoutMs: 1 }));
    await cluster.until(() => replicas().length === 2 && !leader.raft.members().changing);
    expect(replicas()).toEqual([old, '4 learner']);
    return { cluster, leader, again, replicas };
  }

  it('brings a replacement to its end that was given up before, by the name of its node', async () => {
    const { cluster, leader, again, replicas } = await givenUpReplacement();
    await cluster.until(() => again.raft.status().phase === 'running');
    await cluster.ends(leader.raft.promote(again.name));
    expect(replicas()).toEqual(['4 voter']);
    await cluster.stopAll();
  });

  it('takes a third store of a node in, whose second one was given up before', async () => {
    const { cluster, leader, again, replicas } = await givenUpReplacement();
    await cluster.kill(again);
    cluster.wipe(again.name);
    await cluster.pass(3000);
    await cluster.join(again.name, leader.name);
    await cluster.until(() => replicas().join() === '5 voter', 60_000);
    await cluster.stopAll();
  });

  it('comes back as the replica that it is after a restart of a node that joined', async () => {
    const cluster = new VirtualCluster(1);
    await cluster.startWithLeader();
    const joined = await cluster.join('n2', 'n1');
    await cluster.until(() => namesOf(cluster.node('n1')) === 'n1 n2');
    await cluster.kill(joined);

    const again = await cluster.join('n2', 'n1');
    await cluster.until(() => again.raft.status().leader !== null);
    expect(again.raft.status().replicaId).toBe(2);
    await cluster.ends(again.raft.propose(add('x')));
    await cluster.stopAll();
  });
});

describe('a change of the membership is refused', () => {
  it('where the membership is another than was expected, or another change is under way', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();

    const stale = await cluster.outcome(leader.raft.remove('n3', { expectedIndex: 99 }));
    expect(stale.code).toBe('RAFT_CONFLICT');

    const first = watch(cluster.followers()[0]!.raft.remove('n3'));
    await cluster.until(() => leader.raft.members().changing);
    const second = await cluster.outcome(leader.raft.remove('n2'));
    expect(second.code).toBe('RAFT_CONFLICT');
    await cluster.until(() => first.settled);
    expect(first.code).toBeUndefined();
    await cluster.stopAll();
  });

  it('where the last voter would go, where the quorum that is alive would be lost, and for a member that is none', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [first, second] = cluster.followers();
    expect((await cluster.outcome(leader.raft.changeMembership([]))).code).toBe('RAFT_REJECTED');
    expect((await cluster.outcome(leader.raft.remove('n7'))).code).toBe('RAFT_REJECTED');

    await cluster.kill(first!);
    await cluster.pass(3000);
    const risky = await cluster.outcome(leader.raft.remove(second!.name));
    expect([risky.code, risky.message]).toEqual([
      'RAFT_REJECTED',
      expect.stringContaining(`'${first!.name}' does not`),
    ]);
    await cluster.stopAll();
  });

  it('for a new member that does not answer', async () => {
    const cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();

    const outcome = await cluster.outcome(leader.raft.addMember({ name: 'n2', peer: 'n2:7001' }));

    expect([outcome.code, outcome.message]).toEqual([
      'RAFT_REJECTED',
      expect.stringContaining('does not answer at n2:7001'),
    ]);
    await cluster.stopAll();
  });
});

describe('a removed node', () => {
  it('says so, and takes nothing in any more, also where it was away when it was removed', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [away] = cluster.followers();
    await cluster.kill(away!);
    await cluster.ends(leader.raft.remove(away!.name));

    const again = cluster.make(away!.name);
    await cluster.ends(again.raft.start());
    await cluster.until(() => again.raft.status().phase === 'removed');

    expect(again.raft.status().reason).toContain('was removed from the cluster');
    expect((await cluster.outcome(again.raft.propose(add('x')))).code).toBe('RAFT_QUARANTINED');
    expect(leader.raft.status().isLeader).toBe(true);
    await cluster.stopAll();
  });

  it('is not taken in again by what it asked for before it was a member, and came late', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const { host } = cluster.network.listenerAt(leader.address)!;
    const receive = host!.receive.bind(host);
    const asked: (() => void)[] = [];
    host!.receive = (message, sender) => {
      if (message.kind === 'request' && sender.nodeName === 'n4' && sender.replicaId === 0)
        asked.push(() => receive({ ...message, id: message.id + 1000 }, sender));
      receive(message, sender);
    };
    const joined = await cluster.join('n4', leader.name, { joinAs: 'learner' });
    await cluster.until(() => joined.raft.status().role === 'learner' && !leader.raft.members().changing);
    await cluster.ends(leader.raft.remove('n4'));
    await cluster.until(() => joined.raft.status().phase === 'removed');

    expect(asked.length).toBeGreaterThan(0);
    for (const again of asked) again();
    await cluster.pass(2000);
    expect(leader.raft.members().members.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3']);
    await cluster.stopAll();
  });

  it('asks for nothing while another process may have its store', async () => {
    const cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();
    const joining = cluster.make('n2', { join: ['n9:7001'] });
    await cluster.ends(joining.raft.start());
    await cluster.until(() => joining.raft.status().phase === 'joining');
    joining.storage.hold('probe');
    await cluster.pass(3000);
    expect(joining.raft.status().reason).toMatch(/its store doesn't answer/);
    expect(leader.raft.members().members).toHaveLength(1);
    joining.storage.release('probe');
    await cluster.until(() => !/its store/.test(joining.raft.status().reason));
    await cluster.stopAll();
  });

  it('says so, too, where of all that it knows only one is left who had no vote and has one now', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const joined = await cluster.join('n4', 'n1', { joinAs: 'learner' });
    await cluster.until(() => joined.raft.status().role === 'learner' && !leader.raft.members().changing);
    const [away] = cluster.followers().filter(({ name }) => name !== 'n4');
    await cluster.until(() => away!.raft.members().members.length === 4);
    await cluster.kill(away!);
    await cluster.ends(joined.raft.changeMembership([{ name: 'n4', peer: joined.address }]));
    for (const node of cluster.nodes.values())
      if (node !== joined && node !== away) await cluster.until(() => node.raft.status().phase === 'removed');

    const again = cluster.make(away!.name);
    await cluster.ends(again.raft.start());
    await cluster.until(() => again.raft.status().phase === 'removed');

    expect(again.raft.status().reason).toContain('was removed from the cluster');
    await cluster.stopAll();
  });

  it('says so, too, where it had no vote and so never asks for one', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const joined = await cluster.join('n4', 'n1', { joinAs: 'learner' });
    await cluster.until(() => joined.raft.status().role === 'learner' && !leader.raft.members().changing);
    await cluster.kill(joined);
    await cluster.ends(leader.raft.remove('n4'));

    const again = await cluster.join('n4', 'n2');
    await cluster.until(() => again.raft.status().phase === 'removed');

    expect(again.raft.status().reason).toContain('was removed from the cluster');
    await cluster.stopAll();
  });
});

describe('the leadership', () => {
  it('is handed over to the one that is named, and back, from any node', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [first, second] = cluster.followers();

    expect(await cluster.ends(second!.raft.transferLeadership(first!.name))).toEqual({ leader: first!.name });
    expect(first!.raft.status().role).toBe('leader');
    await cluster.ends(first!.raft.propose(add('a')));
    expect(await cluster.ends(leader.raft.transferLeadership(leader.name))).toEqual({ leader: leader.name });
    await cluster.stopAll();
  });

  it('goes to a voter only', async () => {
    const cluster = new VirtualCluster(1);
    const leader = await cluster.startWithLeader();

    expect((await cluster.outcome(leader.raft.transferLeadership())).code).toBe('RAFT_REJECTED');
    expect((await cluster.outcome(leader.raft.transferLeadership('n9'))).code).toBe('RAFT_REJECTED');
    await cluster.stopAll();
  });

  it('is handed over by a leader that stops in order: no write of another node fails, and none waits for an election', async () => {
    const cluster = new VirtualCluster(3);
    const leader = await cluster.startWithLeader();
    const [follower] = cluster.followers();
    await cluster.ends(follower!.raft.propose(add('before')));

    const stopping = watch(leader.raft.stop());
    const startedMs = cluster.time.nowMs;
    const write = watch(follower!.raft.propose(add('during')));
    await cluster.until(() => write.settled);

    expect(write.code).toBeUndefined();
    expect(cluster.time.nowMs - startedMs).toBeLessThan(300);
    await cluster.until(() => stopping.settled);
    cluster.nodes.delete(leader.name);
    await cluster.stopAll();
  });
});
