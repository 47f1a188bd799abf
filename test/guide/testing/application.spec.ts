import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { RaftTestingModule } from 'nestjs-raft/testing';
import request from 'supertest';
import type { App } from 'supertest/types';
import { AppModule } from './app.module';

describe('the application', () => {
  let app: INestApplication<App>;

  beforeAll(async () => {
    const builder = Test.createTestingModule({ imports: [AppModule] });
    const moduleRef = await RaftTestingModule.override(builder).compile();
    app = moduleRef.createNestApplication();
    await app.init();
  });

  afterAll(() => app.close());

  it('counts visits', async () => {
    await request(app.getHttpServer()).post('/visits').expect(201, { visits: 1 });
    await request(app.getHttpServer()).get('/visits').expect(200, { visits: 1 });
  });
});
