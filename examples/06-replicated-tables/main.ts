import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { httpPort } from '../three-nodes';
import { AppModule } from './app.module';

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  await app.listen(httpPort, '127.0.0.1');
}

void main();
