import type { MemberTarget, RaftNodeSettings, RaftTransport, TransportProtection } from 'nestjs-raft';
import { VirtualCluster, type VirtualNode } from './virtual-cluster';

const LOCAL: Readonly<Record<string, string>> = { n1: '127.0.0.1:7001', n2: '[::1]:7002', n3: 'localhost:7003' };
const REMOTE = '10.0.0.4:7004';

describe('without a secret, members are on this machine', () => {
  let cluster: VirtualCluster;
  beforeEach(() => {
    cluster = new VirtualCluster(0);
  });
  afterEach(() => cluster.stopAll());

  const transportAt = (address: string, protection: TransportProtection): RaftTransport =>
    Object.assign(cluster.network.transport(address), { protection });

  async function start(
    name: string,
    protection: TransportProtection,
    names: readonly string[],
    more: Partial<RaftNodeSettings> = {},
  ): Promise<VirtualNode> {
    const advertise = more.advertise ?? LOCAL[name]!;
    const founders = names.map((id) => ({ id, peer: id === name ? advertise : LOCAL[id]! }));
    const node = cluster.make(name, {
      founders,
      advertise,
      transport: transportAt(advertise, protection),
      ...more,
    });
    await cluster.ends(node.raft.start());
    return node;
  }

  const refusal = async (work: Promise<unknown>): Promise<object> => {
    const error = work.then(
      () => ({ code: 'none' }),
      ({ code, reason, message }: { code: string; reason: string; message: string }) => ({ code, reason, message }),
    );
    return cluster.ends(error);
  };

  const unprotected = (nodeId: string, address: string) => ({
    code: 'RAFT_REJECTED',
    reason: 'PEERS_UNPROTECTED',
    message: expect.stringMatching(
      new RegExp(
        `is at ${address}, .*'${nodeId}' asks its peers for no secret.*Nothing was changed.*Set peers\\.secret`,
      ),
    ) as string,
  });

  it('be they added, moved, or named in a whole membership', async () => {
    const { raft } = await start('n1', 'none', ['n1']);
    await cluster.leaderKnown();
    const { index } = raft.members();
    const kept: MemberTarget = { name: 'n1', peer: LOCAL['n1']! };
    for (const attempt of [
      () => raft.addMember({ name: 'n4', peer: REMOTE }),
      () => raft.addMember({ name: 'n4', peer: REMOTE, voter: false }, { force: true }),
      () => raft.changeMembership([kept, { name: 'n4', peer: REMOTE }]),
    ])
      expect(await refusal(attempt())).toMatchObject(unprotected('n1', REMOTE));
    expect(await refusal(raft.updateAddress('n1', { peer: '0.0.0.0:7001' }))).toMatchObject(
      unprotected('n1', '0.0.0.0:7001'),
    );
    expect(raft.members().index).toBe(index);
    await cluster.ends(raft.updateAddress('n1', { peer: 'localhost:7001' }));
  });

  it('and the leader judges too, where the node that was asked has other options', async () => {
    const { raft } = await start('n1', 'none', ['n1', 'n2']);
    const asked = await start('n2', 'insecure', ['n1', 'n2']);
    await cluster.leaderKnown();
    await cluster.ends(raft.transferLeadership('n1'));
    expect(await refusal(asked.raft.addMember({ name: 'n4', peer: REMOTE }))).toMatchObject(unprotected('n1', REMOTE));

    await cluster.ends(raft.transferLeadership('n2'));
    await cluster.leaderKnown();
    expect(await refusal(raft.addMember({ name: 'n4', peer: REMOTE }))).toMatchObject(unprotected('n1', REMOTE));
  });

  it('which one that joins from elsewhere is told, and ends with', async () => {
    await start('n1', 'none', ['n1']);
    await cluster.leaderKnown();
    const joiner = await start('n4', 'secret', ['n4'], { advertise: REMOTE, join: [LOCAL['n1']!] });
    await cluster.until(() => joiner.raft.status().phase === 'failed');
    expect(joiner.raft.status().reason).toMatch(/'n1' asks its peers for no secret.*Set peers\.secret/);
    expect(cluster.node('n1').raft.members().members).toHaveLength(1);
  });

  it('at the next start as well, by what the log says', async () => {
    const first = await start('n1', 'insecure', ['n1'], { advertise: '10.0.0.1:7001' });
    await cluster.leaderKnown();
    await cluster.ends(first.raft.stop());
    cluster.nodes.delete('n1');

    const again = cluster.make('n1', {
      founders: [{ id: 'n1', peer: LOCAL['n1']! }],
      advertise: LOCAL['n1']!,
      transport: transportAt(LOCAL['n1']!, 'none'),
    });
    expect(await refusal(again.raft.start())).toMatchObject({
      code: 'RAFT_CONFIGURATION',
      message: expect.stringMatching(/store of 'n1' include 'n1' at 10\.0\.0\.1:7001.*Set peers\.secret/) as string,
    });
    cluster.nodes.delete('n1');
    const protectedNode = await start('n1', 'secret', ['n1']);
    await cluster.until(() => protectedNode.raft.status().isLeader);
  });

  it.each<readonly [TransportProtection, string, RegExp]>([
    ['none', 'loopback', /every local user may do anything/],
    ['insecure', 'insecure', /everybody who reaches the peer port may do anything/],
    ['secret', 'secret', /know the secret.*not encrypted/],
    ['tls', 'tls', /certificate.*is encrypted/],
    ['tls+secret', 'tls+secret', /certificate.*secret.*is encrypted/],
    ['private', 'private', /no strangers/],
  ])('and status and start line of a transport with %s say %s', async (protection, mode, sentence) => {
    const { raft, logged } = await start('n1', protection, ['n1']);
    expect(raft.status().security).toEqual({ mode, detail: expect.stringMatching(sentence) as string });
    const lines = logged.filter((line) => line.startsWith('Listens for peers on 127.0.0.1:7001. '));
    expect(lines).toEqual(protection === 'private' ? [] : [expect.stringMatching(sentence)]);
  });
});
