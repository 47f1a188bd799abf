import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DataSource } from 'typeorm';

/**
 * Runs a peer of a benchmark, over one Postgres, until SIGTERM: `PROGRAM URL PORT`. It says so when it listens.
 *
 * @param open makes what is needed in the database of this URL
 * @param moduleOn makes the application's module
 */
export function servePeer(
  open: (url: string) => Promise<DataSource>,
  moduleOn: (dataSource: DataSource) => Type,
): void {
  const [url, port] = process.argv.slice(2);
  if (url === undefined || port === undefined) throw new Error(`${process.argv[1] ?? ''} URL PORT`);
  serve(url, Number(port)).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });

  async function serve(databaseUrl: string, httpPort: number): Promise<void> {
    const dataSource = await open(databaseUrl);
    const application = await NestFactory.create<NestFastifyApplication>(moduleOn(dataSource), new FastifyAdapter(), {
      logger: ['error', 'warn'],
    });
    await application.listen(httpPort, '127.0.0.1');
    process.on('SIGTERM', () => {
      void application
        .close()
        .then(() => dataSource.destroy())
        .then(() => process.exit(0));
    });
    process.stdout.write('listening\n');
  }
}
