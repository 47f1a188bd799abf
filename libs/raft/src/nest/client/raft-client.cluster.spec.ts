import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { filter, firstValueFrom } from 'rxjs';
import {
  getStateMachineToken,
  memoryStorage,
  RaftClientModule,
  RaftClientService,
  RaftCommand,
  RaftLockService,
  getRaftMapToken,
  raftMap,
  RaftModule,
  RaftQuery,
  RaftRejection,
  RaftRestore,
  RaftService,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type CommandContext,
  type QueryContext,
  type RaftClientModuleOptions,
  type RaftMachineEvent,
  type RaftMap,
  type RaftMapChange,
  type Replicated,
} from '../../index';

const PEER_SECRET = 'the secret of the nodes';
const CLIENT_SECRET = 'the secret of the clients';

@RaftStateMachine('counters')
class Counters {
  private readonly values = new SnapshotMap<string, number>();

  @RaftCommand()
  add(context: CommandContext, name: string): number {
    const value = (this.values.get(name) ?? 0) + 1;
    this.values.set(name, value);
    context.emit({ name, value });
    return value;
  }

  @RaftCommand()
  refuse(_context: CommandContext): never {
    throw new RaftRejection('NO');
  }

  @RaftQuery()
  get(_context: QueryContext, name: string): number {
    return this.values.get(name) ?? 0;
  }

  @RaftSnapshot()
  capture() {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}

const apps: INestApplicationContext[] = [];
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<readonly number[]> {
  const listeners = Array.from({ length: count }, () => createServer());
  await Promise.all(listeners.map((each) => new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve))));
  const ports = listeners.map((each) => (each.address() as AddressInfo).port);
  await Promise.all(listeners.map((each) => new Promise((resolve) => each.close(resolve))));
  return ports;
}

async function started(
  imports: Parameters<typeof Test.createTestingModule>[0]['imports'],
): Promise<INestApplicationContext> {
  const app = (await Test.createTestingModule({ imports: imports ?? [] }).compile()).createNestApplication({
    logger: false,
  });
  apps.push(app);
  await app.init();
  return app;
}

/** @returns the nodes, by their peer addresses, once one of them leads */
async function cluster(size: number, servesClients = true): Promise<Map<string, INestApplicationContext>> {
  const ports = await freePorts(size);
  const members = ports.map((port, at) => ({ id: `n${at + 1}`, peer: `127.0.0.1:${port}` }));
  const nodes = new Map<string, INestApplicationContext>();
  for (const { id, peer } of members) {
    const root = RaftModule.forRoot({
      nodeId: id,
      clusterName: 'shop',
      members,
      peers: { secret: PEER_SECRET, ...(servesClients && { clients: { secret: CLIENT_SECRET } }) },
      storage: memoryStorage(),
      election: { timeoutMs: 300, heartbeatIntervalMs: 50 },
    });
    nodes.set(peer, await started([root, RaftModule.forFeature([Counters, raftMap('flags')])]));
  }
  const [first] = nodes.values();
  await firstValueFrom(first!.get(RaftService).leader$.pipe(filter((leader) => leader !== null)));
  return nodes;
}

async function client(
  peers: Iterable<string>,
  options: Partial<RaftClientModuleOptions> = {},
): Promise<INestApplicationContext> {
  const root = RaftClientModule.forRoot({ clusterName: 'shop', peers: [...peers], secret: CLIENT_SECRET, ...options });
  return started([root, RaftClientModule.forFeature([Counters, raftMap('flags')])]);
}

function countersOf(app: INestApplicationContext): Replicated<Counters> {
  return app.get<Replicated<Counters>>(getStateMachineToken(Counters), { strict: false });
}

/** Stands between a client and a node, and can swallow what the node answers. */
class Proxy {
  private readonly sockets = new Set<Socket>();
  isMute = false;
  address = '';

  async listen(target: string): Promise<this> {
    const [host, port] = target.split(':') as [string, string];
    const server = createServer((near) => {
      const far = connect(Number(port), host);
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => this.sockets.delete(socket));
      }
      near.on('data', (chunk) => far.write(chunk));
      far.on('data', (chunk) => {
        if (!this.isMute) near.write(chunk);
      });
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this;
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

describe('an application that is a client of a cluster', () => {
  it('has the same caller, the leader, typed refusals and a linearizable view, and is no member', async () => {
    const nodes = await cluster(3);
    const app = await client(nodes.keys());
    const counters = countersOf(app);

    expect(await counters.add('a')).toBe(1);
    expect(await counters.$ordered().add('a')).toMatchObject({ value: 2, index: expect.any(Number) as number });
    expect(await counters.get('a')).toBe(2);
    const { index } = await counters.$ordered().add('a');
    expect(await counters.$after(index).get('a')).toBe(3);
    expect(await counters.$stale({ maxLagMs: 60_000 }).get('a')).toBeGreaterThanOrEqual(3);
    await expect(counters.refuse()).rejects.toMatchObject({ code: 'RAFT_REJECTED', reason: 'NO' });
    const [node] = nodes.values();
    expect(await countersOf(node!).get('a')).toBe(3);
    const { leader } = node!.get(RaftService).status();
    const seen = await firstValueFrom(app.get(RaftClientService).leader$.pipe(filter((each) => each !== null)));
    expect(seen.name).toBe(leader!.name);
    for (const each of nodes.values()) expect(each.get(RaftService).status().members).toHaveLength(3);
  });

  it('sees no failed call, and each command applied once, when the leader is killed', async () => {
    const nodes = await cluster(3);
    const app = await client(nodes.keys());
    const counters = countersOf(app);
    await counters.add('a');
    const { leader } = app.get(RaftClientService).status();
    const calls = Array.from({ length: 20 }, () => counters.add('a'));
    const dead = nodes.get(leader!.peer)!;
    apps.splice(apps.indexOf(dead), 1);
    const closing = dead.close();
    for (let count = 0; count < 20; count++) calls.push(counters.add('a'));

    const answers = await Promise.all(calls);
    await closing;

    expect([...answers].sort((left, right) => left - right)).toEqual(Array.from({ length: 40 }, (_, at) => at + 2));
    expect(await counters.get('a')).toBe(41);
  });

  it('applies a command once whose answer was lost with the connection', async () => {
    const nodes = await cluster(1);
    const [peer] = nodes.keys();
    const proxy = await new Proxy().listen(peer!);
    const counters = countersOf(await client([proxy.address]));
    expect(await counters.add('a')).toBe(1);

    proxy.isMute = true;
    const lost = counters.add('a');
    const [node] = nodes.values();
    while ((await countersOf(node!).get('a')) < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    proxy.isMute = false;
    proxy.cut();

    expect(await lost).toBe(2);
    expect(await counters.get('a')).toBe(2);
  });

  it('is refused with a code and a sentence where its secret is wrong, where it is that of the nodes, and where none is served', async () => {
    const nodes = await cluster(1);
    const code = 'RAFT_FORBIDDEN';

    for (const secret of ['another secret, as long as it', PEER_SECRET]) {
      const wrong = countersOf(await client(nodes.keys(), { secret }));
      await expect(wrong.add('a')).rejects.toMatchObject({
        code,
        message: expect.stringContaining('peers.clients.secret') as string,
      });
    }
    const closed = countersOf(await client((await cluster(1, false)).keys()));
    await expect(closed.add('a')).rejects.toMatchObject({
      code,
      message: expect.stringContaining('set `peers.clients`') as string,
    });
    const [node] = nodes.values();
    expect(await countersOf(node!).get('a')).toBe(0);
  });

  it('holds a lock of the cluster with a token that fences, and is woken when another gives one back', async () => {
    const nodes = await cluster(3);
    const first = (await client(nodes.keys())).get(RaftLockService);
    const second = (await client(nodes.keys())).get(RaftLockService);
    const [node] = nodes.values();
    const lock = await first.acquire('import');
    const waiting = second.acquire('import', { waitMs: 4000 });
    while ((await node!.get(RaftLockService).status('import')).waiting === 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await lock.release();
    const next = await waiting;

    expect(next.token).toBeGreaterThan(lock.token);
    await expect(node!.get(RaftLockService).acquire('import', { waitMs: 0 })).rejects.toMatchObject({
      code: 'RAFT_LOCKED',
    });
    await next.release();
  });

  it('hears what a state machine tells, in order and once, over a change of the node that tells it', async () => {
    const nodes = await cluster(1);
    const [peer] = nodes.keys();
    const proxy = await new Proxy().listen(peer!);
    const app = await client([proxy.address]);
    const heard: RaftMachineEvent<{ value: number }>[] = [];
    app
      .get(RaftClientService)
      .changes<{ value: number }>(Counters)
      .subscribe((event) => heard.push(event));
    const map = app.get<RaftMap<number>>(getRaftMapToken('flags'), { strict: false });
    const changes: RaftMapChange[] = [];
    map.watch().subscribe((change) => changes.push(change));
    const until = async (holds: () => boolean): Promise<void> => {
      while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await until(() => heard.length > 0);
    await map.set('a', 1);
    await countersOf(app).add('a');
    await until(() => changes.length === 1 && heard.some(({ kind }) => kind === 'change'));

    proxy.cut();
    const [node] = nodes.values();
    await countersOf(node!).add('a');
    await node!.get<RaftMap<number>>(getRaftMapToken('flags'), { strict: false }).set('a', 2);
    await until(() => changes.length === 2 && heard.filter(({ kind }) => kind === 'replaced').length === 2);
    await countersOf(app).add('a');
    await until(() => heard.some((event) => event.kind === 'change' && event.value.value === 3));

    const values = heard.flatMap((event) => (event.kind === 'change' ? [event.value.value] : []));
    expect(values).toEqual([...new Set(values)].sort((left, right) => left - right));
    expect(values).toContain(1);
    expect(changes.map(({ index }) => index)).toEqual(
      [...new Set(changes.map(({ index }) => index))].sort((left, right) => left - right),
    );
  });

  it('fails with a sentence without a root, with a second root, and with an option that there is none of', async () => {
    const root = RaftClientModule.forRoot({ peers: ['127.0.0.1:7001'] });
    await expect(started([RaftClientModule.forFeature([Counters])])).rejects.toThrow(/no RaftClientModule.forRoot/);
    await expect(started([root, RaftModule.forRoot()])).rejects.toThrow(
      /an application is a node of a group, or a client/,
    );
    await expect(started([RaftClientModule.forRoot({ peers: [] })])).rejects.toThrow(/the option peers is \[\]/);
    await expect(
      started([RaftClientModule.forRoot({ peers: ['n1:7001'], secrt: 'x' } as unknown as RaftClientModuleOptions)]),
    ).rejects.toThrow(/secrt is no option/);
  });
});
