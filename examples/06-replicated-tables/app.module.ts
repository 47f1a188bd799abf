import { Controller, Get, Module, Param, ParseIntPipe, Post } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { InjectStateMachine, RaftModule, type Replicated } from 'nestjs-raft';
import { typeOrmStorage } from 'nestjs-raft/typeorm';
import { threeNodes } from '../three-nodes';
import { Account, Transfer } from './account';
import { Bank } from './bank';
import { CreateBank1764000000000 } from './migrations/1764000000000-create-bank';

@Controller('bank')
export class BankController {
  constructor(@InjectStateMachine(Bank) private readonly bank: Replicated<Bank>) {}

  @Post(':from/:to/:amount')
  async transfer(@Param('from') from: string, @Param('to') to: string, @Param('amount', ParseIntPipe) amount: number) {
    return { transfer: await this.bank.transfer(from, to, amount) };
  }

  @Get('report')
  report() {
    return this.bank.report();
  }
}

@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      useFactory: () => ({
        type: 'postgres' as const,
        url: process.env.DATABASE_URL,
        entities: [Account, Transfer],
        migrations: [CreateBank1764000000000],
        migrationsRun: true,
        installExtensions: false,
      }),
    }),
    // Log and tables are in the same database, in schemas of their own.
    RaftModule.forRoot({ ...threeNodes, clusterName: 'bank', storage: typeOrmStorage({ dataSource: 'default' }) }),
    RaftModule.forFeature([Bank]),
  ],
  controllers: [BankController],
})
export class AppModule {}
