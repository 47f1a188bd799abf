import { Controller, Get, Module, Post } from '@nestjs/common';
import { InjectStateMachine, LeaderOnly, RaftModule, type Replicated } from 'nestjs-raft';
import { typeOrmStorage } from 'nestjs-raft/typeorm';
import { Counters } from './counters';

@Controller('visits')
class VisitsController {
  constructor(@InjectStateMachine(Counters) private readonly counters: Replicated<Counters>) {}

  @Get()
  async current(): Promise<object> {
    return { visits: await this.counters.current('visits') };
  }

  @Post()
  @LeaderOnly()
  async visit(): Promise<object> {
    return { visits: await this.counters.increment('visits') };
  }
}

@Module({
  imports: [
    RaftModule.forRoot({
      nodeId: process.env.NODE_ID,
      clusterName: 'shop',
      members: ['n1', 'n2', 'n3'].map((id) => ({ id, peer: `${id}:7001`, http: `http://${id}:3000` })),
      peers: { listen: '0.0.0.0:7001', secretFile: '/run/secrets/peers' },
      storage: typeOrmStorage({ url: process.env.GUIDE_DATABASE_URL }),
    }),
    RaftModule.forFeature([Counters]),
  ],
  controllers: [VisitsController],
})
export class AppModule {}
