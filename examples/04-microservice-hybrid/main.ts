import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Transport } from '@nestjs/microservices';
import { httpPort } from '../three-nodes';
import { AppModule } from './app.module';

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  // The application's own microservice. That of the peers is the library's, on another port.
  app.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port: httpPort + 20 } });
  await app.startAllMicroservices();
  await app.listen(httpPort, '127.0.0.1');
}

void main();
