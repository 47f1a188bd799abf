import type { RaftStatus } from 'nestjs-raft';
import type { Configuration, Message } from 'nestjs-raft/core';
import { encodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';
import type { Hello, TransportHost } from '../../libs/raft/src/transport/contract';
import { VirtualCluster } from './virtual-cluster';

/** Three nodes that know one another; what each of them would hear from its connections can be said to it. */
async function eavesdropped() {
  const cluster = new VirtualCluster(3);
  const hosts = new Map<string, TransportHost>();
  const nodes = cluster.founders.map(({ id, peer }) => {
    const transport = cluster.network.transport(peer);
    const { start } = transport;
    jest.spyOn(transport, 'start').mockImplementation((host) => {
      hosts.set(id, host);
      return start.call(transport, host);
    });
    return cluster.make(id, { transport });
  });
  await cluster.ends(Promise.all(nodes.map(({ raft }) => raft.start())));
  const leader = await cluster.leaderKnown();
  const [listener, other] = cluster.followers();
  const idOf = (name: string) => leader.raft.status().members.find((member) => member.name === name)!.id;
  const hello = hosts.get(other!.name)!.hello();
  /** A word of `other`, as the leader of a term that nobody has come to. */
  const word: Message = {
    clusterId: hello.clusterId,
    groupId: 'default',
    from: hello.replicaId,
    to: idOf(listener!.name),
    incarnation: hello.incarnation,
    term: 99,
    sequence: 1,
    kind: 'heartbeat',
    commit: 0,
    round: 1,
    sentAtMs: 0,
    leaderCommit: 0,
    echoMs: -1,
    quorumAgeMs: -1,
  };
  const hear = (message: Partial<Message>, sender: Partial<Hello>): RaftStatus => {
    hosts.get(listener!.name)!.receive({ ...word, ...message } as Message, { ...hello, ...sender });
    return listener!.raft.status();
  };
  return { cluster, hosts, hello, hear, leader, listener: listener!, other: other! };
}

describe('safety 9: a message counts for the replica that its connection belongs to, with the store that it has', () => {
  it('and so does one that says what its connection says', async () => {
    const { hear } = await eavesdropped();
    expect(hear({}, {}).term).toBe(99);
  });

  it.each<[string, Partial<Message>, Partial<Hello>]>([
    ['of another replica than the one at the other end', {}, { replicaId: 77 }],
    ['of a replica whose store is another than that at the other end', {}, { incarnation: 'a store of later on' }],
    ['of a store that the configuration does not hold', { incarnation: 'a' }, { incarnation: 'a' }],
    ['of another cluster', { clusterId: 'another' }, { clusterId: 'another' }],
    ['over a connection of another cluster', {}, { clusterId: 'another' }],
    ['to another replica', { to: 77 }, {}],
    ['of another group', { groupId: 'another' }, {}],
  ])('not one %s', async (_, message, sender) => {
    const { hear } = await eavesdropped();
    expect(hear(message, sender).term).toBeLessThan(99);
  });
});

describe('safety 29: a term above 2^48', () => {
  it('is not believed from a member, is counted, and ends the connection with a sentence', async () => {
    const { cluster, hear, other, listener } = await eavesdropped();
    const before = listener.raft.status().term;
    expect(hear({ term: 2 ** 53 - 1 }, {})).toMatchObject({ term: before, refusedTerms: 1 });
    expect(hear({ kind: 'preVote', lastLog: { term: 2 ** 49, index: 1 } }, {}).refusedTerms).toBe(2);
    expect(listener.logged.join()).toContain(`A message of '${other.name}' has the term 9007199254740991`);
    await cluster.stopAll();
  });

  it('keeps a store that has it from starting, which says how all are mended together', async () => {
    const cluster = new VirtualCluster(3);
    await cluster.startWithLeader();
    const [follower] = cluster.followers();
    await cluster.kill(follower!);
    const again = cluster.make(follower!.name);
    const load = again.storage.load.bind(again.storage);
    jest.spyOn(again.storage, 'load').mockImplementation(async (group) => {
      const loaded = await load(group);
      return loaded && { ...loaded, hardState: { term: 2 ** 53 - 1, votedFor: 0 } };
    });
    const started = await cluster.outcome(again.raft.start());
    expect(started).toMatchObject({
      code: 'RAFT_STORAGE',
      message: expect.stringContaining('Fix all stores together: stop every member') as string,
    });
    await cluster.stopAll();
  });
});

describe('what one who is no member says', () => {
  const STRANGER = {
    nodeName: 'stranger',
    replicaId: 77,
    incarnation: 'i',
    bootNonce: 'b',
    life: 9,
    advertise: 'stranger:1',
  };

  it('of the lives of a member puts it in no quarantine, and is not remembered of others', async () => {
    const { cluster, hosts, hello, listener } = await eavesdropped();
    const host = hosts.get(listener.name)!;
    const own = host.hello();
    const forged = { replicaId: own.replicaId, number: own.epoch + 5, nonce: 'never' };
    for (const known of [STRANGER, { ...STRANGER, replicaId: 0 }, { ...STRANGER, replicaId: hello.replicaId }])
      host.admit({ ...hello, ...known, knownBoots: [forged] });
    expect(listener.raft.status().phase).toBe('running');
    expect(host.hello().knownBoots.map(({ replicaId }) => replicaId)).not.toContain(77);

    // From a member it counts.
    expect(host.admit({ ...hello, knownBoots: [forged] })).toContain('no longer takes part');
    expect(listener.raft.status().phase).toBe('quarantined');
    await cluster.stopAll();
  });

  it('about a membership in which a node is missing does not make it leave, nor does another node take it for the member', async () => {
    const { cluster, hosts, hello, listener } = await eavesdropped();
    const host = hosts.get(listener.name)!;
    const initialCluster = { clusterId: hello.clusterId, configuration: withoutMembers() };
    const told = {
      kind: 'founder' as const,
      groupId: 'default',
      founder: 'stranger',
      incarnation: 'i',
      initialCluster,
    };
    host.receive(told, { ...hello, ...STRANGER, replicaId: 0 });
    host.receive(told, { ...hello, incarnation: 'i' });
    await cluster.pass(2000);
    expect(listener.raft.status().phase).toBe('running');

    host.receive({ ...told, founder: hello.nodeName }, hello);
    await cluster.until(() => listener.raft.status().phase === 'removed');
    await cluster.stopAll();
  });

  it('asks for is not done: calls of members, of the leader, and a store that is not its own to join', async () => {
    const { cluster, hosts, hello, leader } = await eavesdropped();
    const host = hosts.get(leader.name)!;
    const sender = { ...hello, ...STRANGER, replicaId: 0, clusterId: '' };
    const before = leader.raft.status();
    const membersBefore = leader.raft.members();
    const join = { name: 'other', peer: 'other:1', http: '', incarnation: 'x', voter: true };
    const bodies = {
      'membership.change': encodeValue({ members: [], force: true, timeoutMs: 1000 }),
      'leadership.transfer': encodeValue('n2'),
      'snapshot.info': new Uint8Array(),
      propose: new Uint8Array(30),
      'cluster.join': encodeValue(join),
    };
    let id = 0;
    for (const [method, body] of Object.entries(bodies))
      host.receive({ kind: 'request', groupId: 'default', id: ++id, method, timeoutMs: 1000, body }, sender);
    await cluster.pass(3000);
    expect(leader.raft.members()).toEqual(membersBefore);
    expect(leader.raft.status()).toMatchObject({ term: before.term, isLeader: true, lastIndex: before.lastIndex });
    await cluster.stopAll();
  });
});

function withoutMembers(): Configuration {
  return {
    members: [{ id: 50, name: 'x', peer: 'x:1', http: '', incarnation: 'x' }],
    voters: [50],
    outgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    target: null,
    added: [],
    nextReplicaId: 51,
  };
}
