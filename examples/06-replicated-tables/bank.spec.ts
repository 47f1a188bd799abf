import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { RaftTestingModule } from 'nestjs-raft/testing';
import type { App } from 'supertest/types';
import request from 'supertest';
import { TestPostgres } from '../../test/support/postgres';
import { AppModule } from './app.module';

// Postgres takes a while to start on a busy machine.
jest.setTimeout(300_000);

// The node is in memory; the tables are in a Postgres of the test's own.
describe('The bank', () => {
  let postgres: TestPostgres;
  let app: INestApplication<App>;

  beforeAll(async () => {
    postgres = await TestPostgres.start();
    process.env.DATABASE_URL = postgres.url;
    const builder = Test.createTestingModule({ imports: [AppModule] });
    const moduleRef = await RaftTestingModule.override(builder).compile();
    app = moduleRef.createNestApplication();
    await app.init();
  });

  afterAll(async () => {
    await app.close();
    await postgres.stop();
  });

  it('moves money, and reports where it is', async () => {
    await request(app.getHttpServer()).post('/bank/bank/ada/100').expect(201, { transfer: 1 });
    await request(app.getHttpServer()).post('/bank/ada/bob/30').expect(201, { transfer: 2 });
    await request(app.getHttpServer())
      .get('/bank/report')
      .expect(200, [
        { owner: 'ada', balance: '70', received: '100' },
        { owner: 'bank', balance: '999900', received: '0' },
        { owner: 'bob', balance: '30', received: '30' },
      ]);
  });

  it('refuses what an account has not got, and leaves everything as it was', async () => {
    await request(app.getHttpServer())
      .post('/bank/bob/ada/31')
      .expect(422)
      .expect(({ body }) => expect(body).toMatchObject({ reason: 'INSUFFICIENT_FUNDS', details: { balance: '30' } }));
    await expect(postgres.query('SELECT count(*)::int AS count FROM transfer')).resolves.toEqual([{ count: 2 }]);
  });

  it('is written by commands alone', async () => {
    await expect(postgres.query(`UPDATE account SET balance = 5 WHERE owner = 'ada'`)).rejects.toMatchObject({
      code: 'RF001',
    });
  });
});
