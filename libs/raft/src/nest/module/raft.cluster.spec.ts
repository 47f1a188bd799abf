import { Body, Controller, Get, Param, Put, type INestApplication } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { filter, firstValueFrom } from 'rxjs';
import {
  InjectStateMachine,
  LeaderOnly,
  memoryStorage,
  RaftCommand,
  RaftModule,
  RaftQuery,
  RaftRestore,
  RaftService,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type CommandContext,
  type FounderOptions,
  type QueryContext,
  type Replicated,
} from '../../index';

@RaftStateMachine('flags')
class Flags {
  private readonly values = new SnapshotMap<string, unknown>();

  @RaftCommand()
  set(_context: CommandContext, name: string, value: unknown): void {
    this.values.set(name, value);
  }

  @RaftQuery()
  get(_context: QueryContext, name: string): unknown {
    return this.values.get(name);
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

@Controller('flags')
class FlagsController {
  constructor(
    @InjectStateMachine(Flags) private readonly flags: Replicated<Flags>,
    private readonly raft: RaftService,
  ) {}

  @Get(':name')
  async get(@Param('name') name: string): Promise<object> {
    return { value: await this.flags.get(name), by: this.raft.status().nodeId };
  }

  @Put(':name')
  @LeaderOnly({ onFollower: 'forward' })
  async set(@Param('name') name: string, @Body() value: unknown): Promise<object> {
    await this.flags.set(name, value);
    return { by: this.raft.status().nodeId };
  }
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('three applications in one process on %s', (_name, newAdapter: () => AbstractHttpAdapter) => {
  const apps: INestApplication[] = [];

  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  it('are a cluster, whose followers forward to the leader over HTTP and over the peer connection', async () => {
    const [a, b, c, x, y, z] = (await freePorts(6)) as [number, number, number, number, number, number];
    const members: FounderOptions[] = [
      { id: 'n1', peer: `127.0.0.1:${a}`, http: `http://127.0.0.1:${x}` },
      { id: 'n2', peer: `127.0.0.1:${b}`, http: `http://127.0.0.1:${y}` },
      { id: 'n3', peer: `127.0.0.1:${c}`, http: `http://127.0.0.1:${z}` },
    ];
    for (const { id, http = '' } of members) {
      const moduleRef = await Test.createTestingModule({
        imports: [
          RaftModule.forRoot({
            nodeId: id,
            clusterName: 'flags',
            members,
            storage: memoryStorage(),
            election: { timeoutMs: 300, heartbeatIntervalMs: 50 },
          }),
          RaftModule.forFeature([Flags]),
        ],
        controllers: [FlagsController],
      }).compile();
      const app = moduleRef.createNestApplication(newAdapter(), { logger: false });
      apps.push(app);
      // None of them waits for the others.
      await app.listen(Number(new URL(http).port), '127.0.0.1');
    }
    const leaders = await Promise.all(
      apps.map((app) => firstValueFrom(app.get(RaftService).leader$.pipe(filter((leader) => leader !== null)))),
    );
    const leader = leaders[0]!.name;
    const follower = members.find(({ id }) => id !== leader)!;
    await firstValueFrom(
      apps[members.findIndex(({ id }) => id === leader)]!.get(RaftService).isLeader$.pipe(filter(Boolean)),
    );

    const put = await fetch(`${follower.http}/flags/dark`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ on: true }),
    });

    expect(put.status).toBe(200);
    expect(await put.json()).toEqual({ by: leader });
    for (const { id, http } of members)
      expect(await (await fetch(`${http}/flags/dark`)).json()).toEqual({ value: { on: true }, by: id });
  });
});
