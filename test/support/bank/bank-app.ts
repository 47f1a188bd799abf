import 'reflect-metadata';
import { Body, Controller, Get, Headers, Module, Param, ParseIntPipe, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  InjectStateMachine,
  RaftCommand,
  RaftModule,
  RaftRejection,
  RaftService,
  RaftStateMachine,
  type RaftStatus,
  type Replicated,
} from 'nestjs-raft';
import { TableCommandContext, typeOrmStorage, typeOrmTables } from 'nestjs-raft/typeorm';
import { Account, BANK_ENTITIES, Transfer } from './bank-entities';
import { CreateBank1764000000000 } from './bank-migration';

/** A node of a bank in replicated tables, in a process of its own. Run with {@link BankAppSettings}. */
export interface BankAppSettings {
  readonly id: string;
  readonly httpPort: number;
  readonly peerPort: number;
  readonly members: readonly { readonly id: string; readonly peer: string; readonly http: string }[];
  /** Of the tables. */
  readonly databaseUrl: string;
  /** Of the log; undefined: it is in the tables' database. */
  readonly logUrl: string | undefined;
  readonly retryForMs: number;
}

export interface TransferRequest {
  readonly from: string;
  readonly to: string;
  readonly cents: number;
  readonly reference: string;
}

const settings = JSON.parse(process.env.BANK_APP!) as BankAppSettings;
/** Snapshots come often, so that a node that was away gets one. */
const SNAPSHOTS = { afterEntries: 400, trailingEntries: 40 };

@RaftStateMachine('bank', typeOrmTables({ entities: BANK_ENTITIES, retryForMs: settings.retryForMs }))
class Bank {
  @RaftCommand()
  async open({ manager }: TableCommandContext, owner: string, cents: number): Promise<string> {
    const { id } = await manager.save(manager.create(Account, { owner, balance: money(cents), tags: ['new'] }));
    return id;
  }

  /** Everything is written before it is seen whether there was enough: a refusal has to take all of it back. */
  @RaftCommand()
  async transfer({ manager }: TableCommandContext, { from, to, cents, reference }: TransferRequest): Promise<number> {
    const sender = await manager.findOneByOrFail(Account, { owner: from });
    const receiver = await manager.findOneByOrFail(Account, { owner: to });
    sender.balance = money(centsOf(sender.balance) - cents);
    receiver.balance = money(centsOf(receiver.balance) + cents);
    sender.last = { reference, cents: -cents };
    receiver.last = { reference, cents };
    sender.tags = ['sender'];
    receiver.tags = ['receiver', 'happy'];
    await manager.save([sender, receiver]);
    const { id } = await manager.save(
      manager.create(Transfer, {
        reference,
        from: sender,
        to: receiver,
        amount: money(cents),
        notes: [{ text: reference }],
      }),
    );
    if (centsOf(sender.balance) < 0) throw new RaftRejection('INSUFFICIENT_FUNDS', { owner: from });
    return id;
  }

  /** Little in the log, and much in the tables. */
  @RaftCommand()
  async annotate({ manager }: TableCommandContext, rows: number): Promise<number> {
    await manager.query(
      `INSERT INTO note (id, text, "transferId") SELECT gen_random_uuid(), repeat('x', 1000), t.id
       FROM generate_series(1, $1) AS n, (SELECT min(id) AS id FROM transfer) AS t ORDER BY n`,
      [rows],
    );
    return rows;
  }
}

@Controller()
class BankController {
  constructor(
    private readonly raft: RaftService,
    @InjectStateMachine(Bank) private readonly bank: Replicated<Bank>,
  ) {}

  @Get('status')
  status(): RaftStatus {
    return this.raft.status();
  }

  @Post('accounts/:owner/:cents')
  async open(@Param('owner') owner: string, @Param('cents', ParseIntPipe) cents: number) {
    return { id: await this.bank.open(owner, cents) };
  }

  @Post('transfers')
  async transfer(@Body() request: TransferRequest, @Headers('idempotency-key') key: string | undefined) {
    const bank = key === undefined ? this.bank : this.bank.$idempotencyKey(key);
    return { id: await bank.transfer(request) };
  }

  @Post('notes/:rows')
  async annotate(@Param('rows', ParseIntPipe) rows: number) {
    return { rows: await this.bank.annotate(rows) };
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: settings.databaseUrl,
      entities: BANK_ENTITIES,
      migrations: [CreateBank1764000000000],
      migrationsRun: true,
      installExtensions: false,
      retryAttempts: 60,
      retryDelay: 500,
    }),
    RaftModule.forRoot({
      nodeId: settings.id,
      clusterName: 'bank',
      members: [...settings.members],
      peers: { listen: `127.0.0.1:${settings.peerPort}`, advertise: `127.0.0.1:${settings.peerPort}` },
      storage:
        settings.logUrl === undefined
          ? typeOrmStorage({ dataSource: 'default' })
          : typeOrmStorage({ url: settings.logUrl }),
      snapshots: SNAPSHOTS,
    }),
    RaftModule.forFeature([Bank]),
  ],
  controllers: [BankController],
})
class AppModule {}

function money(cents: number): string {
  return (cents / 100).toFixed(2);
}

function centsOf(amount: string): number {
  return Math.round(Number(amount) * 100);
}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn', 'log'] });
  app.enableShutdownHooks();
  await app.listen(settings.httpPort, '127.0.0.1');
}

void main();
