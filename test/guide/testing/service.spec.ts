import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { InjectStateMachine, RaftModule, RaftService, type Replicated } from 'nestjs-raft';
import { RaftTestingModule } from 'nestjs-raft/testing';
import { Counters } from './counters';

@Injectable()
class Visits {
  constructor(@InjectStateMachine(Counters) private readonly counters: Replicated<Counters>) {}

  welcome(): Promise<number> {
    return this.counters.increment('visits');
  }
}

it('a service over a state machine', async () => {
  const moduleRef = await Test.createTestingModule({
    imports: [RaftTestingModule.forRoot(), RaftModule.forFeature([Counters])],
    providers: [Visits],
  }).compile();
  await moduleRef.init();

  expect(moduleRef.get(RaftService).isLeader()).toBe(true);
  expect(await moduleRef.get(Visits).welcome()).toBe(1);

  await moduleRef.close();
});
