import { Controller, Get, Module, Post } from '@nestjs/common';
import {
  InjectRaftCounter,
  RaftClientModule,
  RaftClientService,
  type RaftCounter,
  raftCounter,
  RaftLockService,
  RaftModule,
} from 'nestjs-raft';
import { threeNodes } from '../three-nodes';

const [peerSecret, clientSecret] = ['secret among the nodes', 'secret of the clients'];

/** One of the three nodes. It has no routes of its own here. */
@Module({
  imports: [
    RaftModule.forRoot({
      ...threeNodes,
      clusterName: 'visits',
      peers: { secret: peerSecret, clients: { secret: clientSecret } },
    }),
    RaftModule.forFeature([raftCounter('visits')]),
  ],
})
export class NodeModule {}

@Controller()
export class VisitsController {
  constructor(
    @InjectRaftCounter('visits') private readonly visits: RaftCounter,
    private readonly locks: RaftLockService,
    private readonly cluster: RaftClientService,
  ) {}

  @Post('visits')
  async visit() {
    return { visits: await this.visits.increment() };
  }

  @Get('visits')
  async read() {
    return { visits: await this.visits.get() };
  }

  @Post('close')
  close() {
    return this.locks.run('close', { ttlMs: 5_000, waitMs: 5_000 }, ({ token }) => Promise.resolve({ token }));
  }

  @Get('cluster')
  status() {
    return this.cluster.status();
  }
}

/** An application that uses the cluster, and is no member: it may be started as often as one likes. */
@Module({
  imports: [
    RaftClientModule.forRoot({
      clusterName: 'visits',
      peers: threeNodes.members.map(({ peer }) => peer),
      secret: clientSecret,
    }),
    RaftClientModule.forFeature([raftCounter('visits')]),
  ],
  controllers: [VisitsController],
})
export class ClientModule {}
