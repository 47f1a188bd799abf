import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { NodeEvents, RAFT_EVENT_NAMES, raftChannel, type RaftEventMap, type RaftEventName } from 'nestjs-raft';
import { add, ALL, VirtualCluster, type VirtualNode } from './virtual-cluster';

type Heard = { readonly [Name in RaftEventName]: RaftEventMap[Name][] };

function listenTo(node: VirtualNode): Heard {
  const heard = Object.fromEntries(RAFT_EVENT_NAMES.map((name) => [name, [] as unknown[]])) as unknown as Heard;
  for (const name of RAFT_EVENT_NAMES) node.raft.events.on(name, (event) => (heard[name] as unknown[]).push(event));
  return heard;
}

describe('The events of a node', () => {
  let cluster: VirtualCluster;
  beforeEach(() => {
    cluster = new VirtualCluster(3);
  });
  afterEach(() => cluster.stopAll());

  it('tell of elections, leadership, peers and members', async () => {
    const nodes = cluster.founders.map(({ id }) => cluster.make(id));
    const heard = nodes.map(listenTo);
    await cluster.ends(Promise.all(nodes.map(({ raft }) => raft.start())));
    const leader = await cluster.leaderKnown();
    await cluster.pass(50);
    const ofLeader = heard[nodes.indexOf(leader)]!;
    expect(ofLeader.election.map(({ stage }) => stage).slice(-3)).toEqual(['preVote', 'vote', 'won']);
    expect(ofLeader.leadership.at(-1)).toEqual({
      term: leader.raft.status().term,
      leader: leader.name,
      isLeader: true,
    });
    const [follower] = cluster.followers();
    expect(heard[nodes.indexOf(follower!)]!.leadership.at(-1)).toMatchObject({ leader: leader.name, isLeader: false });
    expect(ofLeader.peer.map(({ peer, state }) => `${peer} ${state}`).sort()).toEqual(
      nodes.filter((node) => node !== leader).map(({ name }) => `${name} connected`),
    );
    expect(ofLeader.membership.at(-1)).toMatchObject({ changing: false, voters: ['n1', 'n2', 'n3'], learners: [] });

    await cluster.kill(follower!);
    await cluster.pass(2000);
    expect(ofLeader.peer.at(-1)).toMatchObject({ peer: follower!.name, state: 'lost' });
  });

  it('tell of a proposal, its disk, its round trip and its application, where it came from and how long it took', async () => {
    const leader = await cluster.startWithLeader();
    const [follower] = cluster.followers() as [VirtualNode];
    const [here, there] = [listenTo(follower), listenTo(leader)];
    const { index } = await cluster.ends(follower.raft.propose(add('a')));
    await cluster.ends(follower.raft.query(ALL));
    await cluster.pass(1500);
    const bytes = add('a').length;
    expect(here.proposal).toEqual([
      { origin: 'caller', outcome: 'applied', index, bytes, durationMs: expect.any(Number) as number },
    ]);
    expect(there.proposal).toEqual([
      { origin: 'peer', outcome: 'applied', index, bytes, durationMs: expect.any(Number) as number },
    ]);
    expect(here.proposal[0]!.durationMs).toBeGreaterThan(there.proposal[0]!.durationMs);
    expect(here.read.map(({ kind, origin, outcome }) => [kind, origin, outcome])).toEqual([
      ['barrier', 'caller', 'applied'],
      ['query', 'caller', 'applied'],
    ]);
    expect(there.read[0]).toMatchObject({ kind: 'readIndex', origin: 'peer' });
    expect(there.persist.find(({ entries }) => entries > 0)).toMatchObject({ entries: 1 });
    expect(there.apply.find(({ lastIndex }) => lastIndex === index)).toMatchObject({ entries: 1, firstIndex: index });
    const others = cluster.followers().map(({ name }) => name);
    for (const kind of ['append', 'heartbeat'] as const) {
      const trips = there['round-trip'].filter((trip) => trip.kind === kind);
      expect([...new Set(trips.map(({ peer }) => peer))].sort()).toEqual([...others].sort());
      // One millisecond each way.
      expect(Math.min(...trips.map(({ durationMs }) => durationMs))).toBeGreaterThanOrEqual(2);
    }
    expect(there.queues.at(-1)).toMatchObject({ calls: 0, inLog: 0, persist: 0, apply: 0, uncommittedBytes: 0 });
    expect(
      there.queues
        .at(-1)!
        .peers.map(({ peer }) => peer)
        .sort(),
    ).toEqual([...others].sort());
  });

  it('tell the code of a call that failed', async () => {
    const leader = await cluster.startWithLeader();
    const heard = listenTo(leader);
    for (const { address } of cluster.followers()) cluster.network.partition([leader.address], [address]);
    await cluster.outcome(leader.raft.propose(add('lost'), { timeoutMs: 500 }));
    expect(heard.proposal).toEqual([expect.objectContaining({ outcome: 'RAFT_TIMEOUT', index: null })]);
  });

  it('tell of snapshots that are taken, sent and installed', async () => {
    const snapshots = { trailingEntries: 0 };
    const leader = await cluster.startWithLeader({ snapshots });
    for (let at = 0; at < 20; at++) await cluster.ends(leader.raft.propose(add(`${at}`)));
    const heard = [...cluster.nodes.values()].map(listenTo);
    for (const { raft } of cluster.nodes.values()) await cluster.ends(raft.snapshot());
    await cluster.pass(2000);
    expect(heard[0]!['snapshot-taken']).toEqual([expect.objectContaining({ term: expect.any(Number) as number })]);
    const joining = cluster.make('n4', { founders: [{ id: 'n4', peer: 'n4:7001' }], join: ['n1:7001'] });
    const ofJoining = listenTo(joining);
    await cluster.ends(joining.raft.start());
    await cluster.until(() => ofJoining['snapshot-installed'].length > 0);
    const [installed] = ofJoining['snapshot-installed'] as [RaftEventMap['snapshot-installed']];
    const sent = heard.flatMap((each) => each['snapshot-sent']);
    expect(sent).toEqual([expect.objectContaining({ peer: 'n4', index: installed.index })]);
    expect([...cluster.nodes.keys()]).toContain(installed.peer);
    expect(installed.sizeBytes).toBeGreaterThan(0);
  });

  it('go to the channels of node:diagnostics_channel, with the node that they are of', async () => {
    const published: unknown[] = [];
    const listener = (event: unknown): void => void published.push(event);
    const leader = await cluster.startWithLeader();
    subscribe('nestjs-raft:proposal', listener);
    try {
      await cluster.ends(leader.raft.propose(add('a')));
    } finally {
      unsubscribe('nestjs-raft:proposal', listener);
    }
    await cluster.ends(leader.raft.propose(add('b')));
    expect(published).toEqual([
      expect.objectContaining({ nodeId: leader.name, clusterName: 'shop', group: 'default', outcome: 'applied' }),
    ]);
  });

  it('that nobody listens to are neither measured nor put together', async () => {
    const leader = await cluster.startWithLeader();
    const told = jest.fn();
    const { taps } = leader.raft.events as unknown as {
      taps: Record<RaftEventName, { tell: (event: unknown) => void }>;
    };
    for (const name of RAFT_EVENT_NAMES) taps[name].tell = told;
    await cluster.ends(leader.raft.propose(add('a')));
    await cluster.ends(leader.raft.query(ALL));
    await cluster.ends(leader.raft.snapshot());
    await cluster.pass(3000);
    expect(told).not.toHaveBeenCalled();
  });
});

describe('NodeEvents', () => {
  it('has a channel of a stable name for each event', () => {
    expect(RAFT_EVENT_NAMES.map(raftChannel)).toEqual([
      'nestjs-raft:proposal',
      'nestjs-raft:read',
      'nestjs-raft:persist',
      'nestjs-raft:apply',
      'nestjs-raft:election',
      'nestjs-raft:leadership',
      'nestjs-raft:round-trip',
      'nestjs-raft:snapshot-taken',
      'nestjs-raft:snapshot-sent',
      'nestjs-raft:snapshot-installed',
      'nestjs-raft:membership',
      'nestjs-raft:peer',
      'nestjs-raft:queues',
    ]);
  });

  it('hears of a listener that throws, tells the others all the same, and goes on', () => {
    const errors: string[] = [];
    const silent = (): void => undefined;
    const logger = { debug: silent, log: silent, warn: silent, error: (line: string) => void errors.push(line) };
    const events = new NodeEvents({ nodeId: 'n1', clusterName: 'c', group: 'default' }, () => logger);
    const heard: unknown[] = [];
    events.on('election', () => {
      throw new Error('out of ink');
    });
    const end = events.on('election', (event) => heard.push(event));
    events.taps.election.emit({ stage: 'won', term: 3 });
    end();
    events.taps.election.emit({ stage: 'lost', term: 4 });
    expect(heard).toEqual([{ stage: 'won', term: 3 }]);
    expect(errors).toEqual(['A listener to events threw: out of ink', 'A listener to events threw: out of ink']);
  });
});
