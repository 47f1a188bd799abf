// The bank over one Postgres, nothing replicated: a transaction a request, from a pool.
import 'reflect-metadata';
import { Controller, Get, Inject, Module, Param, ParseIntPipe, Post } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { BANK, type Books, books, open, transfer } from './bank';
import { servePeer } from './support/serve';

const POOL_SIZE = 20;

@Controller()
class BankController {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  @Post('accounts/:count')
  open(@Param('count', ParseIntPipe) count: number): Promise<void> {
    return this.dataSource.transaction((manager) => open(manager, count));
  }

  @Post('transfer/:from/:to/:amount')
  async transfer(
    @Param('from', ParseIntPipe) from: number,
    @Param('to', ParseIntPipe) to: number,
    @Param('amount', ParseIntPipe) amount: number,
  ): Promise<{ id: number }> {
    return {
      id: await this.dataSource.transaction((manager) => transfer(manager, new Date(), from, to, amount)),
    };
  }

  @Get('books')
  books(): Promise<Books> {
    return books(this.dataSource);
  }
}

servePeer(
  (url) =>
    new DataSource({
      type: 'postgres',
      url,
      entities: BANK,
      synchronize: true,
      installExtensions: false,
      extra: { max: POOL_SIZE },
    }).initialize(),
  (dataSource) => {
    @Module({ controllers: [BankController], providers: [{ provide: DataSource, useValue: dataSource }] })
    class BankModule {}
    return BankModule;
  },
);
