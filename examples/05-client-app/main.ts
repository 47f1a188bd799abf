import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { httpPort, isNode } from '../three-nodes';
import { ClientModule, NodeModule } from './app.module';

/** 1 to 3 are nodes; 4 and whatever follows are clients. */
async function main(): Promise<void> {
  const app = await NestFactory.create(isNode ? NodeModule : ClientModule);
  app.enableShutdownHooks();
  await app.listen(httpPort, '127.0.0.1');
}

void main();
