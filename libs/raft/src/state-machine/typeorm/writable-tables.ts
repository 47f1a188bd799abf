import type { QueryRunner } from 'typeorm';
import { WRITER } from './sql-names';

/** Lets a migration write replicated tables: the same one, on every node. @publicApi */
export async function withReplicatedTablesWritable<T>(queryRunner: QueryRunner, work: () => Promise<T>): Promise<T> {
  await queryRunner.query(`SET ${WRITER} = 'maintenance'`);
  try {
    return await work();
  } finally {
    await queryRunner.query(`RESET ${WRITER}`);
  }
}
