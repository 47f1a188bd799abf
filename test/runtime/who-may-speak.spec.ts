import type { RaftStatus } from 'nestjs-raft';
import type { Message } from 'nestjs-raft/core';
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
  return { hear };
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
