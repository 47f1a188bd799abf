import type { LoggerService, MessageEvent } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { filter, firstValueFrom } from 'rxjs';
import {
  getRaftEventsToken,
  InjectStateMachine,
  RaftAdminService,
  RaftCommand,
  RaftEventsService,
  RaftModule,
  RaftRestore,
  RaftService,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type CommandContext,
  type Replicated,
} from '../../index';

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

@RaftStateMachine('marks')
class Marks {
  private readonly marks = new SnapshotMap<string, number>();

  @RaftCommand()
  set(context: CommandContext, name: string): number {
    this.marks.set(name, context.index);
    return context.index;
  }

  @RaftSnapshot()
  capture() {
    return this.marks.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.marks.restore(chunks);
  }
}

class Writer {
  constructor(@InjectStateMachine(Marks) readonly marks: Replicated<Marks>) {}
}

describe('RaftEventsService', () => {
  let module: TestingModule;
  let events: RaftEventsService;
  let marks: Replicated<Marks>;

  beforeEach(async () => {
    module = await Test.createTestingModule({
      imports: [RaftModule.forRoot(), RaftModule.forFeature([Marks])],
      providers: [Writer],
    })
      .setLogger(SILENT)
      .compile();
    events = module.get(RaftEventsService);
    marks = module.get(Writer).marks;
  });
  afterEach(() => module.close());

  it('tells of leadership and members, also to those that subscribed before the start', async () => {
    const leaders: (string | null)[] = [];
    const memberships: (readonly string[])[] = [];
    events.leader$.subscribe((leader) => leaders.push(leader?.name ?? null));
    events.membership$.subscribe(({ voters }) => memberships.push(voters));
    await module.init();
    await firstValueFrom(module.get(RaftService).isLeader$.pipe(filter(Boolean)));
    expect(leaders).toEqual([null, 'node1']);
    expect(memberships).toEqual([['node1']]);
  });

  it('streams what a dashboard needs: the state at once, what was applied, and snapshots', async () => {
    await module.init();
    const heard: MessageEvent[] = [];
    const ended = new Promise<void>((resolve) => {
      events
        .stream({ appliedEveryMs: 1, pingEveryMs: 5 })
        .subscribe({ next: (each) => heard.push(each), complete: resolve });
    });
    expect(heard[0]).toMatchObject({ type: 'status', data: { nodeId: 'node1', phase: 'running' } });
    const applied = firstValueFrom(events.applied$);
    await marks.set('a');
    expect((await applied).entries).toBeGreaterThan(0);
    await module.get(RaftAdminService).snapshot();
    const types = (): Set<string | undefined> => new Set(heard.map(({ type }) => type));
    while (!types().has('ping') || !types().has('applied')) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(heard.find(({ type }) => type === 'snapshot')!.data).toMatchObject({
      kind: 'taken',
      index: expect.any(Number) as number,
    });
    await module.close();
    await ended;
  });

  it('completes with the node, and leaves nothing behind that listens', async () => {
    await module.init();
    let completed = 0;
    for (const each of [events.status$, events.leader$, events.membership$, events.snapshots$, events.applied$])
      (each as { subscribe(observer: { complete: () => void }): void }).subscribe({ complete: () => completed++ });
    const once = events.on('proposal').subscribe();
    once.unsubscribe();
    await module.close();
    expect(completed).toBe(5);
  });

  it('is found by its class, or by the token of its group', () => {
    expect(getRaftEventsToken()).toBe(RaftEventsService);
    expect(module.get(getRaftEventsToken('default'))).toBe(events);
    expect(getRaftEventsToken('orders')).toBe('RaftEventsService(orders)');
  });
});
