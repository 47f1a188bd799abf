// The bank as a node of a cluster: log and tables in this node's own Postgres.
import 'reflect-metadata';
import { Controller, Get, Module, Param, ParseIntPipe, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  InjectStateMachine,
  RaftCommand,
  RaftModule,
  RaftService,
  RaftStateMachine,
  type RaftStatus,
  type Replicated,
} from 'nestjs-raft';
import { TableCommandContext, typeOrmStorage, typeOrmTables } from 'nestjs-raft/typeorm';
import { DataSource } from 'typeorm';
import { BANK, type Books, books, open, transfer } from './bank';

/** As the program's only argument, in JSON. */
interface BankNodeSettings {
  readonly id: string;
  readonly url: string;
  readonly httpPort: number;
  readonly members: readonly { readonly id: string; readonly peer: string; readonly http: string }[];
  readonly commandsPerTransaction: number;
}

const settings = JSON.parse(process.argv[2] ?? '') as BankNodeSettings;
const { id, url, httpPort, members, commandsPerTransaction } = settings;
const { peer } = members.find((member) => member.id === id)!;

@RaftStateMachine('bank', typeOrmTables({ entities: BANK, commandsPerTransaction }))
class Bank {
  @RaftCommand()
  open({ manager }: TableCommandContext, count: number): Promise<void> {
    return open(manager, count);
  }

  @RaftCommand()
  transfer(context: TableCommandContext, from: number, to: number, amount: number): Promise<number> {
    return transfer(context.manager, context.date(), from, to, amount);
  }
}

@Controller()
class BankController {
  constructor(
    @InjectStateMachine(Bank) private readonly bank: Replicated<Bank>,
    private readonly raft: RaftService,
    private readonly dataSource: DataSource,
  ) {}

  @Post('accounts/:count')
  open(@Param('count', ParseIntPipe) count: number): Promise<void> {
    return this.bank.open(count);
  }

  @Post('transfer/:from/:to/:amount')
  async transfer(
    @Param('from', ParseIntPipe) from: number,
    @Param('to', ParseIntPipe) to: number,
    @Param('amount', ParseIntPipe) amount: number,
  ): Promise<{ id: number }> {
    return { id: await this.bank.transfer(from, to, amount) };
  }

  @Get('books')
  books(): Promise<Books> {
    return books(this.dataSource);
  }

  @Get('status')
  status(): RaftStatus {
    return this.raft.status();
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url,
      entities: BANK,
      synchronize: true,
      installExtensions: false,
      extra: { max: 2 },
    }),
    RaftModule.forRoot({
      nodeId: id,
      clusterName: 'bank',
      members: [...members],
      peers: { listen: peer, advertise: peer },
      storage: typeOrmStorage({ dataSource: 'default' }),
    }),
    RaftModule.forFeature([Bank]),
  ],
  controllers: [BankController],
})
class BankModule {}

async function main(): Promise<void> {
  const application = await NestFactory.create<NestFastifyApplication>(BankModule, new FastifyAdapter(), {
    logger: ['error', 'warn'],
  });
  application.enableShutdownHooks();
  await application.listen(httpPort, '127.0.0.1');
  process.stdout.write('listening\n');
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
