import { Controller, Get, Module, Param, ParseIntPipe } from '@nestjs/common';
import { ClientProxyFactory, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { InjectRaftSequence, LeaderOnly, RaftModule, raftSequence, type RaftSequence } from 'nestjs-raft';
import { catchError, firstValueFrom, of } from 'rxjs';
import { portOf, threeNodes } from '../three-nodes';

@Controller()
export class OrdersController {
  constructor(@InjectRaftSequence('orders') private readonly numbers: RaftSequence) {}

  @MessagePattern('place')
  async place(@Payload() article: string) {
    return { article, number: await this.numbers.next(), node: threeNodes.nodeId };
  }

  @MessagePattern('close-day')
  @LeaderOnly() // a follower answers with an error that names the leader
  closeDay() {
    return { closedBy: threeNodes.nodeId };
  }
}

/** A client of the microservices, over HTTP, so that they can be tried with curl. */
@Controller('nodes/:node')
export class ClientController {
  @Get(':pattern/:article')
  async send(
    @Param('node', ParseIntPipe) node: number,
    @Param('pattern') pattern: string,
    @Param('article') article: string,
  ): Promise<unknown> {
    const options = { host: '127.0.0.1', port: portOf(node) + 20 };
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    const answer = client.send<unknown, string>(pattern, article);
    try {
      return await firstValueFrom(answer.pipe(catchError((error: unknown) => of({ error }))));
    } finally {
      await client.close();
    }
  }
}

@Module({
  imports: [
    RaftModule.forRoot({ ...threeNodes, clusterName: 'hybrid' }),
    RaftModule.forFeature([raftSequence('orders', { blockSize: 1 })]),
  ],
  controllers: [OrdersController, ClientController],
})
export class AppModule {}
