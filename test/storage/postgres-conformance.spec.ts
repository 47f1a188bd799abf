import { describeStorageConformance } from '../../libs/raft/src/testing/storage-conformance';
import { TestPostgres } from '../support/postgres';
import { postgresUnderTest } from './postgres-under-test';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.start();
}, 300_000);
afterAll(() => postgres.stop(), 60_000);

describeStorageConformance('Postgres', { create: () => postgresUnderTest(postgres) });
