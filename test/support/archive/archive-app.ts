import 'reflect-metadata';
import { Controller, Get, Module, Param, ParseIntPipe, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  InjectStateMachine,
  RaftAdminService,
  RaftCommand,
  RaftModule,
  RaftQuery,
  RaftService,
  RaftStateMachine,
  type RaftStatus,
  type Replicated,
  type SnapshotInfo,
} from 'nestjs-raft';
import { TableCommandContext, TableQueryContext, typeOrmStorage, typeOrmTables } from 'nestjs-raft/typeorm';
import {
  Account,
  ACCOUNTS,
  ARCHIVE_ENTITIES,
  BODY_BYTES,
  Document,
  FIRST_BALANCE,
  Marker,
  Transfer,
  VIEW,
  type View,
} from './archive-entities';

/** A node whose tables are large, in a process of its own. Run with {@link ArchiveAppSettings}. */
export interface ArchiveAppSettings {
  readonly id: string;
  readonly httpPort: number;
  readonly peerPort: number;
  /** Of log and tables. */
  readonly databaseUrl: string;
  /** The founders, or whom to ask to be taken in. */
  readonly members?: readonly { readonly id: string; readonly peer: string; readonly http: string }[];
  readonly join?: readonly string[];
}

const settings = JSON.parse(process.env.ARCHIVE_APP!) as ArchiveAppSettings;
const MARKER = 'archive';

@RaftStateMachine('archive', typeOrmTables({ entities: ARCHIVE_ENTITIES }))
class Archive {
  @RaftCommand()
  async open({ manager }: TableCommandContext): Promise<void> {
    const ids = Array.from({ length: ACCOUNTS }, (_, at) => at + 1);
    await manager.save(ids.map((id) => manager.create(Account, { id, balance: String(FIRST_BALANCE) })));
    await manager.save(manager.create(Marker, { name: MARKER, generation: 0 }));
  }

  /** Little in the log, and much in the tables. */
  @RaftCommand()
  async fill({ manager }: TableCommandContext, count: number): Promise<number> {
    const last = (await manager.maximum(Document, 'id')) ?? 0;
    await manager.query(
      `INSERT INTO document (id, "ownerId", generation, body)
       SELECT id, id % $3 + 1, 0, repeat(md5(id::text), $4) FROM generate_series($1::int, $2::int) AS id`,
      [last + 1, last + count, ACCOUNTS, BODY_BYTES / 32],
    );
    return last + count;
  }

  /** Changes every table. */
  @RaftCommand()
  async transfer({ manager }: TableCommandContext, from: number, to: number): Promise<number> {
    const [sender, receiver] = [
      await manager.findOneByOrFail(Account, { id: from }),
      await manager.findOneByOrFail(Account, { id: to }),
    ];
    sender.balance = String(BigInt(sender.balance) - 1n);
    receiver.balance = String(BigInt(receiver.balance) + 1n);
    await manager.save([sender, receiver]);
    const marker = await manager.findOneByOrFail(Marker, { name: MARKER });
    const generation = ++marker.generation;
    await manager.save(marker);
    await manager.save(manager.create(Transfer, { from: sender, to: receiver, generation }));
    const last = (await manager.maximum(Document, 'id')) ?? 0;
    for (const id of [1, Math.floor(last / 2), last]) await manager.update(Document, { id }, { generation });
    return generation;
  }

  /** Several statements, which have to be of one moment. */
  @RaftQuery()
  async view({ manager }: TableQueryContext): Promise<View> {
    const [first] = await manager.query<[View]>(VIEW);
    const [then] = await manager.query<[View]>(VIEW);
    return { ...first, documents: then.documents, sum: then.sum };
  }
}

@Controller()
class ArchiveController {
  constructor(
    private readonly raft: RaftService,
    private readonly admin: RaftAdminService,
    @InjectStateMachine(Archive) private readonly archive: Replicated<Archive>,
  ) {}

  @Get('status')
  status(): RaftStatus {
    return this.raft.status();
  }

  @Get('view')
  view(): Promise<View> {
    return this.archive.$stale().view();
  }

  @Post('open')
  open(): Promise<void> {
    return this.archive.open();
  }

  @Post('fill/:count')
  async fill(@Param('count', ParseIntPipe) count: number) {
    return { documents: await this.archive.fill(count) };
  }

  @Post('transfer/:from/:to')
  async transfer(@Param('from', ParseIntPipe) from: number, @Param('to', ParseIntPipe) to: number) {
    return { generation: await this.archive.transfer(from, to) };
  }

  @Post('snapshot')
  snapshot(): Promise<SnapshotInfo> {
    return this.admin.snapshot();
  }
}

const { id, httpPort, peerPort, databaseUrl, members, join } = settings;
const peer = `127.0.0.1:${peerPort}`;

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: databaseUrl,
      entities: ARCHIVE_ENTITIES,
      synchronize: true,
      installExtensions: false,
      extra: { max: 2 },
    }),
    RaftModule.forRoot({
      nodeId: id,
      clusterName: 'archive',
      ...(members === undefined ? { join: [...join!] } : { members: [...members] }),
      peers: { listen: peer, advertise: peer },
      storage: typeOrmStorage({ dataSource: 'default' }),
      requestTimeoutMs: 120_000,
      // Taken when the test says so.
      snapshots: { afterEntries: 1e9, afterBytes: 1e12, trailingEntries: 5 },
    }),
    RaftModule.forFeature([Archive]),
  ],
  controllers: [ArchiveController],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn', 'log'] });
  app.enableShutdownHooks();
  await app.listen(httpPort, '127.0.0.1');
}

void main();
