import { randomBytes } from 'node:crypto';
import { MemoryStorage, RaftNode, raftNodeOptions, tcpTransport, type RaftStatus } from 'nestjs-raft';
import { encodeFrame, type Frame } from '../../libs/raft/src/transport/codec';
import { CLIENT_PROTOCOL_VERSIONS, type Hello } from '../../libs/raft/src/transport/contract';
import { encodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';
import { bareHello, greeting, RawPeer } from '../../libs/raft/src/testing/transport-conformance/raw-peer';
import { eventually } from '../support/eventually';
import { freePorts } from '../support/free-ports';
import { LedgerMachine } from '../runtime/ledger-machine';
import { add } from '../runtime/virtual-cluster';
import { atTheEnd, startNode, stopAll, until } from './transport-under-test';

const SECRET = 'what strangers do not know';
const quiet = { debug: () => undefined, log: () => undefined, warn: () => undefined, error: () => undefined };

async function dial(address: string): Promise<RawPeer> {
  const peer = await RawPeer.dial(address);
  atTheEnd(() => peer.socket.destroy());
  return peer;
}

afterEach(stopAll);

describe('a stranger at the peer port, without the secret', () => {
  const NAMES = ['node-alpha', 'node-beta', 'node-gamma'];

  async function cluster() {
    const ports = await freePorts(3);
    const founders = ports.map((port, at) => ({ id: NAMES[at]!, peer: `127.0.0.1:${port}` }));
    const nodes = founders.map(({ id, peer }) => {
      const machine = new LedgerMachine();
      const storage = new MemoryStorage();
      const transport = tcpTransport({
        listen: peer,
        logger: quiet,
        secret: SECRET,
        clients: { secret: 'what clients know and strangers do not' },
      });
      const raft = new RaftNode(
        raftNodeOptions({
          nodeId: id,
          clusterName: 'private-cluster',
          founders,
          advertise: peer,
          storage,
          transport,
          stateMachine: machine,
          logger: quiet,
          electionTimeoutMs: 10_000,
        }),
      );
      atTheEnd(() => raft.stop());
      return { raft, machine, storage, peer };
    });
    await Promise.all(nodes.map(({ raft }) => raft.start()));
    const leader = await eventually('a leader that all know', () =>
      nodes.every(({ raft }) => raft.status().leader !== null)
        ? nodes.find(({ raft }) => raft.status().isLeader)
        : undefined,
    );
    await leader.raft.propose(add('kept'));
    await eventually('all have it', () =>
      nodes.every(({ raft }) => raft.status().appliedIndex === leader.raft.status().lastIndex) ? true : undefined,
    );
    return { nodes, leader };
  }

  /** What must not change, whatever a stranger does. */
  function stateOf({ raft, machine }: { readonly raft: RaftNode; readonly machine: LedgerMachine }) {
    const { phase, term, leader, role, membershipIndex, membershipChanging, lastIndex, appliedIndex } = raft.status();
    const members = raft.members().members.map(({ id, name, peer, role: vote }) => ({ id, name, peer, vote }));
    const { digest } = JSON.parse(JSON.stringify({ digest: machine })) as { digest: unknown };
    return { phase, term, leader, role, membershipIndex, membershipChanging, lastIndex, appliedIndex, members, digest };
  }

  it('changes no term, no membership and no data, and learns no name and no id, though it knows them all', async () => {
    const { nodes, leader } = await cluster();
    const target = nodes.find((node) => node !== leader)!;
    const before = nodes.map(stateOf);
    const status: RaftStatus = leader.raft.status();
    // Even where somebody told it everything but the secret.
    const { members } = (await leader.storage.load('default'))!.configuration.configuration;
    const incarnations = members.map(({ incarnation }) => incarnation);
    const own: Partial<Hello> = {
      clusterName: 'private-cluster',
      clusterId: status.clusterId,
      nodeName: status.nodeId,
      replicaId: status.replicaId,
      incarnation: members.find(({ name }) => name === status.nodeId)!.incarnation,
      knownBoots: members.map(({ id }) => ({ replicaId: id, number: 99, nonce: 'forged' })),
    };
    const header = {
      clusterId: status.clusterId,
      groupId: 'default',
      from: status.replicaId,
      to: target.raft.status().replicaId,
      incarnation: own.incarnation!,
      term: Number.MAX_SAFE_INTEGER,
      sequence: 1,
    };
    const request = (method: string, body: Uint8Array): Frame => ({
      kind: 'request',
      groupId: 'default',
      id: 1,
      method,
      timeoutMs: 1000,
      body,
    });
    const configuration = { members: [], voters: [], outgoing: [], learners: [], learnersNext: [], autoLeave: false };
    const attacks: readonly Frame[] = [
      {
        kind: 'heartbeat',
        ...header,
        commit: 9e9,
        round: 1,
        sentAtMs: 0,
        leaderCommit: 9e9,
        echoMs: -1,
        quorumAgeMs: -1,
      },
      {
        kind: 'requestVote',
        ...header,
        lastLog: { term: 9e9, index: 9e9 },
        commit: { term: 0, index: 0 },
        leadershipTransfer: true,
      },
      { kind: 'timeoutNow', ...header, term: status.term },
      {
        kind: 'founder',
        groupId: 'default',
        founder: status.nodeId,
        incarnation: own.incarnation!,
        initialCluster: {
          clusterId: status.clusterId,
          configuration: { ...configuration, target: null, added: [], nextReplicaId: 99 },
        },
      },
      request('cluster.join', encodeValue({ name: 'x', peer: 'x:1', http: '', incarnation: 'x', voter: true })),
      request('membership.change', encodeValue({ members: [], force: true, timeoutMs: 1000 })),
      request('leadership.transfer', encodeValue(NAMES[1])),
      request('snapshot.info', new Uint8Array()),
      request('snapshot.chunk', encodeValue([1, 1, 0])),
      request('propose', randomBytes(40)),
      request('query', randomBytes(40)),
      request('client.status', new Uint8Array()),
    ];
    const token = (): Uint8Array => randomBytes(32);
    const hello = (role?: 'client'): Frame => ({
      ...(bareHello({ ...own, ...(role && { role }) }) as Extract<Frame, { kind: 'hello' }>),
      seal: token(),
    });
    const asClient = greeting({ role: 'client', protocol: CLIENT_PROTOCOL_VERSIONS, asksForProof: true });
    const openings: readonly (readonly Frame[])[] = [
      [],
      [greeting()],
      [greeting(), hello(), { kind: 'admitted' }],
      [greeting({ asksForProof: true }), hello(), { kind: 'admitted' }],
      [greeting({ asksForProof: true }), { kind: 'proof', proof: token() }, hello(), { kind: 'admitted' }],
      [asClient, { kind: 'proof', proof: token() }, hello('client'), { kind: 'admitted' }],
      [hello(), { kind: 'admitted' }],
      [{ kind: 'admitted' }],
    ];
    const heard: Buffer[] = [];
    for (const { peer } of [target, leader])
      for (const opening of openings)
        // What can be refused by any one of them is tried alone, too.
        for (const attack of opening.length === 5 || opening.length === 0 ? attacks.map((each) => [each]) : [attacks]) {
          const stranger = await dial(peer);
          stranger.send(...opening, ...attack);
          await until(() => stranger.closed, 'it is turned away');
          heard.push(...stranger.bytes);
        }
    // One who only listens gets nothing; one who throws the node's own proof back gets no further.
    const mute = await dial(target.peer);
    const mirror = await dial(target.peer);
    mirror.send(greeting({ asksForProof: true }));
    await until(() => mirror.saw('greeting'), 'it greets');
    mirror.send({ kind: 'proof', proof: token() });
    await until(() => mirror.closed, 'it is turned away');
    heard.push(...mirror.bytes, ...mute.bytes);

    expect(nodes.map(stateOf)).toEqual(before);
    const said = Buffer.concat(heard);
    for (const private_ of [...NAMES, ...incarnations, status.clusterId, 'private-cluster', leader.peer])
      expect([private_, said.includes(private_)]).toEqual([private_, false]);
    expect(mute.bytes).toEqual([]);
    await leader.raft.propose(add('goes on'));
  }, 300_000);

  it('who is dialled learns nothing but a proof that holds for this connection', async () => {
    const listener = await startNode('elsewhere', {});
    const node = await startNode('node-alpha', { secret: SECRET });
    node.transport.connect(listener.address);
    await until(() => node.stateOf(listener.address) === 'refused', 'it asks for a proof, and gets none');
    expect(listener.asked).toEqual([]);

    const { createServer } = await import('node:net');
    let stranger: RawPeer | undefined;
    const server = createServer((socket) => {
      stranger = new RawPeer(socket);
      atTheEnd(() => socket.destroy());
      socket.write(encodeFrame(greeting({ asksForProof: true })));
    });
    atTheEnd(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(server.address() as { port: number }).port}`;
    node.transport.connect(address);
    await until(() => stranger?.saw('proof') === true, 'it proves itself');
    const { proof } = stranger!.frames.find((frame) => frame.kind === 'proof') as Extract<Frame, { kind: 'proof' }>;
    // The stranger throws it back, there and at the node's own port.
    stranger!.send({ kind: 'proof', proof }, bareHello());
    await until(() => node.stateOf(address) === 'refused', 'thrown back, it is none');
    const elsewhere = await dial(node.address);
    elsewhere.send(stranger!.frames[0]!);
    await until(() => elsewhere.saw('greeting'), 'it greets');
    elsewhere.send({ kind: 'proof', proof });
    await until(() => elsewhere.closed, 'elsewhere, it is none');
    expect([...stranger!.frames, ...elsewhere.frames].some(({ kind }) => kind === 'hello')).toBe(false);
    expect(Buffer.concat([...stranger!.bytes, ...elsewhere.bytes]).includes('node-alpha')).toBe(false);
  });
});

describe('a flood of connections', () => {
  it('of strangers does not hold up a member that comes back, and few of them stay', async () => {
    const node = await startNode('n1', { secret: SECRET, helloTimeoutMs: 60_000 }, ({ nodeName }) => nodeName === 'n2');
    let open = 0;
    const strangers = { come: true };
    atTheEnd(() => (strangers.come = false));
    const flood = async (greets: boolean): Promise<void> => {
      while (strangers.come) {
        const stranger = await RawPeer.dial(node.address).catch(() => undefined);
        if (stranger === undefined) continue;
        open++;
        stranger.socket.once('close', () => open--);
        if (greets) stranger.send(greeting({ asksForProof: true }));
        atTheEnd(() => stranger.socket.destroy());
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    const floods = [flood(false), flood(true), flood(false), flood(true)];
    await until(() => open >= 60, 'all places of the handshake are taken');
    for (let life = 0; life < 3; life++) {
      const member = await startNode('n2', { secret: SECRET });
      member.transport.connect(node.address);
      await until(() => member.stateOf(node.address) === 'connected', 'the member gets through');
      await member.transport.stop();
    }
    strangers.come = false;
    await Promise.all(floods);
    await until(() => open <= 64, 'no more than these stay');
  }, 300_000);

  it('of guests leaves places for members, who get that of the oldest guest where all are taken', async () => {
    const node = await startNode('n1', { maxConnections: 6 }, ({ nodeName }) => nodeName.startsWith('member'));
    const introduce = async (nodeName: string): Promise<RawPeer> => {
      const peer = await dial(node.address);
      peer.send(greeting(), bareHello({ nodeName, incarnation: nodeName }), { kind: 'admitted' });
      await until(() => peer.saw('admitted') || peer.refusal !== undefined, `${nodeName} is answered`);
      return peer;
    };
    const guests = [await introduce('guest 1'), await introduce('guest 2'), await introduce('guest 3')];
    expect(guests.map(({ refusal }) => refusal)).toEqual([undefined, undefined, undefined]);
    expect((await introduce('guest 4')).refusal).toContain('`peers.maxConnections`');

    for (const name of ['member 1', 'member 2', 'member 3']) expect((await introduce(name)).refusal).toBeUndefined();
    expect(guests.map(({ closed }) => closed)).toEqual([false, false, false]);
    expect((await introduce('member 4')).refusal).toBeUndefined();
    await until(() => guests[0]!.closed, 'the oldest guest goes');
    expect(guests[1]!.closed).toBe(false);
  });

  it('of one member are the last four of it', async () => {
    const node = await startNode('n1', {}, () => true);
    const peers: RawPeer[] = [];
    for (let at = 0; at < 6; at++) {
      const peer = await dial(node.address);
      peer.send(greeting(), bareHello(), { kind: 'admitted' });
      await until(() => peer.saw('admitted'), 'it is admitted');
      peers.push(peer);
    }
    await until(() => peers[1]!.closed, 'the second has gone, too');
    expect(peers.map(({ closed }) => closed)).toEqual([true, true, false, false, false, false]);
  });
});
