import type { FounderOptions, RaftNodeSettings } from 'nestjs-raft';
import {
  copyOfALiveDisk,
  ELECTION_MS,
  flapping,
  knowEverywhere,
  moved,
  old,
  olderDiskElsewhere,
  placesOf,
  swap,
  unreachableAddress,
  works,
} from './place-scenarios';
import { VirtualCluster, type VirtualNode } from '../virtual-cluster';

const listAt = (places: Record<string, string>): readonly FounderOptions[] =>
  Object.entries(places).map(([id, peer]) => ({ id, peer }));

/** A cluster of three that were founded together, or of one that two others have joined. */
async function threeMembers(origin: 'founders' | 'joined'): Promise<VirtualCluster> {
  const cluster = new VirtualCluster(origin === 'founders' ? 3 : 1);
  await cluster.startWithLeader();
  if (origin === 'joined')
    for (const name of ['n2', 'n3']) {
      await cluster.join(name, 'n1');
      await cluster.until(() => isVoterAt(cluster.node('n1'), name), 60_000);
    }
  await works(cluster, 'before');
  return cluster;
}

const isVoterAt = (node: VirtualNode, name: string): boolean =>
  node.raft.members().members.some((member) => member.name === name && member.role === 'voter') &&
  !node.raft.members().changing;

/** What a node is started with at its new address: founders with the new list, the others with a member to join through. */
const newCommandLine = (origin: 'founders' | 'joined', name: string): Partial<RaftNodeSettings> => {
  if (origin === 'founders') return { founders: listAt({ n1: moved('n1'), n2: moved('n2'), n3: moved('n3') }) };
  const alone = { founders: [{ id: name, peer: moved(name) }] };
  return name === 'n1' ? alone : { ...alone, join: [moved('n1')] };
};

describe.each(['founders', 'joined'] as const)('three members (%s)', (origin) => {
  it('come back at new addresses all at once, and nothing is done but to start them', async () => {
    const cluster = await threeMembers(origin);
    for (const node of [...cluster.nodes.values()]) await cluster.kill(node);
    for (const name of ['n1', 'n2', 'n3']) await cluster.comeBackAt(name, moved(name), newCommandLine(origin, name));

    await knowEverywhere(cluster, { n1: moved('n1'), n2: moved('n2'), n3: moved('n3') });
    await works(cluster, 'after');
    await cluster.stopAll();
  });

  it('come back at new addresses one after the other, with what they were started with before', async () => {
    const cluster = await threeMembers(origin);
    const places: Record<string, string> = { n1: old('n1'), n2: old('n2'), n3: old('n3') };
    for (const name of ['n3', 'n1', 'n2']) {
      await cluster.comeBackAt(
        name,
        moved(name),
        origin === 'joined' ? { founders: [{ id: name, peer: old(name) }] } : {},
      );
      places[name] = moved(name);
      await knowEverywhere(cluster, places);
    }
    await works(cluster, 'after');
    await cluster.stopAll();
  });

  it('swap the addresses of two of them', async () => {
    const cluster = await threeMembers(origin);
    await swap(cluster);
  });

  it('come back at new addresses while a fourth joins', async () => {
    const cluster = await threeMembers(origin);
    for (const node of [...cluster.nodes.values()]) await cluster.kill(node);
    const fourth = cluster.make('n4', { founders: [{ id: 'n4', peer: old('n4') }], join: [moved('n2')] });
    await cluster.ends(fourth.raft.start());
    for (const name of ['n1', 'n2', 'n3']) await cluster.comeBackAt(name, moved(name), newCommandLine(origin, name));

    await knowEverywhere(cluster, { n1: moved('n1'), n2: moved('n2'), n3: moved('n3'), n4: old('n4') });
    await cluster.until(() => isVoterAt(cluster.node('n1'), 'n4'), 60_000);
    await works(cluster, 'after');
    await cluster.stopAll();
  });
});

describe('a copy of a disk that is in use', () => {
  it(
    'counts for nobody, though its original is cut off from the leader, and takes no part from then on',
    copyOfALiveDisk,
  );
});

describe('a member that comes back elsewhere', () => {
  it('is moved at most once in ten election time-outs, and works all the same', flapping);

  it('stays where it was for all, where it can’t be reached where it says that it is', unreachableAddress);

  it('takes no part where its disk is older than what it has acknowledged', olderDiskElsewhere);
});

describe('where members are reached', () => {
  it('is what an administrator says, on every node', async () => {
    const cluster = await threeMembers('founders');
    const name = cluster.followers()[0]!.name;
    const [asked] = cluster.followers().filter((node) => node.name !== name);
    const connectionsTo = (whom: string): string[] =>
      [...cluster.nodes.values()]
        .filter((node) => node.name !== whom)
        .map((node) => node.raft.status().members.find((member) => member.name === whom)!.connection);
    await cluster.ends(asked!.raft.updateAddress(name, { peer: moved(name) }));
    // It is still where it was, and goes on from there until it comes to its new address.
    await works(cluster, 'before the move');
    await cluster.until(() => connectionsTo(name).every((state) => state === 'connected'));
    await cluster.comeBackAt(name, moved(name));
    await works(cluster, 'after the move');

    expect(placesOf(asked!)[name]).toBe(moved(name));
    expect(connectionsTo(name)).toEqual(['connected', 'connected']);
    await cluster.stopAll();
  });

  it('changes for HTTP clients, too, with the start of a node; what an administrator said since, stays', async () => {
    const cluster = await threeMembers('founders');
    const name = cluster.followers()[0]!.name;
    const [asked] = cluster.followers().filter((node) => node.name !== name);
    const httpAt = (node: VirtualNode) => node.raft.members().members.find((member) => member.name === name)!.http;
    const http = 'http://elsewhere:3000';
    await cluster.comeBackAt(name, old(name), { http });
    await cluster.until(() => httpAt(asked!) === http, 60_000);

    await cluster.ends(asked!.raft.updateAddress(name, { http: 'http://proxy' }));
    await cluster.comeBackAt(name, old(name), { http });
    await works(cluster, 'after');
    await cluster.pass(20 * ELECTION_MS);
    expect(httpAt(asked!)).toBe('http://proxy');
    await cluster.stopAll();
  });
});
