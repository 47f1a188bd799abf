// The peer that the cluster is measured against: the same stack, one Postgres, nothing replicated.
import 'reflect-metadata';
import { Body, Controller, Get, Inject, Module, NotFoundException, Param, Put } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { servePeer } from './support/serve';

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

servePeer(
  async (url) => {
    const dataSource = await new DataSource({ type: 'postgres', url, extra: { max: POOL_SIZE } }).initialize();
    await dataSource.query('CREATE TABLE IF NOT EXISTS item (key text PRIMARY KEY, value text NOT NULL)');
    return dataSource;
  },
  (dataSource) => {
    @Module({ controllers: [PlainController], providers: [{ provide: DataSource, useValue: dataSource }] })
    class PlainModule {}
    return PlainModule;
  },
);
