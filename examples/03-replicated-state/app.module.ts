import { Controller, Get, Module, Param, Post } from '@nestjs/common';
import { InjectStateMachine, RaftModule, type Replicated } from 'nestjs-raft';
import { threeNodes } from '../three-nodes';
import { Polls } from './polls';

@Controller('polls/:poll')
export class PollsController {
  constructor(@InjectStateMachine(Polls) private readonly polls: Replicated<Polls>) {}

  @Post(':voter/:choice')
  vote(@Param('poll') poll: string, @Param('voter') voter: string, @Param('choice') choice: string) {
    return this.polls.vote(poll, voter, choice);
  }

  @Get()
  results(@Param('poll') poll: string) {
    return this.polls.results(poll);
  }

  @Get('dashboard')
  dashboard(@Param('poll') poll: string) {
    return this.polls.$stale({ maxLagMs: 2_000 }).results(poll);
  }
}

@Module({
  imports: [RaftModule.forRoot({ ...threeNodes, clusterName: 'polls' }), RaftModule.forFeature([Polls])],
  controllers: [PollsController],
})
export class AppModule {}
