// The peer that the cluster is measured against: the same stack, one Postgres, nothing replicated.
import 'reflect-metadata';
import { Body, Controller, Get, Inject, Module, NotFoundException, Param, Put } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';

const POOL_SIZE = 20;

@Controller()
class PlainController {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  @Put(':key')
  async put(@Param('key') key: string, @Body() value: unknown): Promise<unknown> {
    await this.dataSource.query(
      'INSERT INTO item (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value',
      [key, JSON.stringify(value)],
    );
    return value;
  }

  @Get(':key')
  async get(@Param('key') key: string): Promise<unknown> {
    const rows: { value: string }[] = await this.dataSource.query('SELECT value FROM item WHERE key = $1', [key]);
    if (rows[0] === undefined) throw new NotFoundException();
    return JSON.parse(rows[0].value) as unknown;
  }
}

async function main(url: string, port: number): Promise<void> {
  const dataSource = await new DataSource({ type: 'postgres', url, extra: { max: POOL_SIZE } }).initialize();
  await dataSource.query('CREATE TABLE IF NOT EXISTS item (key text PRIMARY KEY, value text NOT NULL)');

  @Module({ controllers: [PlainController], providers: [{ provide: DataSource, useValue: dataSource }] })
  class PlainModule {}

  const application = await NestFactory.create<NestFastifyApplication>(PlainModule, new FastifyAdapter(), {
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
if (url === undefined || port === undefined) throw new Error('plain-route URL PORT');
main(url, Number(port)).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
