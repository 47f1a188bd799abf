// The bank over one Postgres, nothing replicated: a transaction a request, from a pool.
import 'reflect-metadata';
import { Controller, Get, Inject, Module, Param, ParseIntPipe, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { BANK, type Books, books, open, transfer } from './bank';

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

async function main(url: string, port: number): Promise<void> {
  const dataSource = await new DataSource({
    type: 'postgres',
    url,
    entities: BANK,
    synchronize: true,
    installExtensions: false,
    extra: { max: POOL_SIZE },
  }).initialize();

  @Module({ controllers: [BankController], providers: [{ provide: DataSource, useValue: dataSource }] })
  class BankModule {}

  const application = await NestFactory.create<NestFastifyApplication>(BankModule, new FastifyAdapter(), {
    logger: ['error', 'warn'],
  });
  await application.listen(port, '127.0.0.1');
  process.on('SIGTERM', () => {
    void application
      .close()
      .then(() => dataSource.destroy())
      .then(() => process.exit(0));
  });
  process.stdout.write('listening\n');
}

const [url, port] = process.argv.slice(2);
if (url === undefined || port === undefined) throw new Error('bank-straight URL PORT');
main(url, Number(port)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
