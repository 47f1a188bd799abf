import { Controller, Get, Module, Param, ParseIntPipe, Post, Query } from '@nestjs/common';
import { Locked, RaftLockService, type RaftLockStatus, RaftModule } from 'nestjs-raft';
import { setTimeout as sleep } from 'node:timers/promises';
import { threeNodes } from '../three-nodes';

@Controller()
export class WorkController {
  constructor(private readonly locks: RaftLockService) {}

  @Post('work/:key')
  work(@Param('key') key: string, @Query('ms', ParseIntPipe) ms: number) {
    const options = { ttlMs: 5_000, waitMs: 10_000 };
    return this.locks.run(key, options, async ({ token, signal }) => {
      await sleep(ms, undefined, { signal }); // pass the token to whatever is written here
      return { node: threeNodes.nodeId, token };
    });
  }

  @Post('invoices/:id/close')
  @Locked((id: string) => `invoice:${id}`, { waitMs: 0 })
  async close(@Param('id') id: string) {
    await sleep(1_000);
    return { closed: id, token: this.locks.current()!.token };
  }

  @Get('work/:key')
  status(@Param('key') key: string): Promise<RaftLockStatus> {
    return this.locks.status(key);
  }
}

@Module({
  imports: [RaftModule.forRoot({ ...threeNodes, clusterName: 'locks' })],
  controllers: [WorkController],
})
export class AppModule {}
