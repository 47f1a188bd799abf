import { Injectable, type LoggerService, type OnModuleInit } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  InjectStateMachine,
  RaftCommand,
  RaftModule,
  RaftRestore,
  RaftService,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type CommandContext,
  type RaftMachineEvent,
  type Replicated,
} from '../../index';

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

@RaftStateMachine('flags')
class Flags {
  private readonly flags = new SnapshotMap<string, boolean>();

  @RaftCommand()
  set(context: CommandContext, name: string, on: boolean): void {
    this.flags.set(name, on);
    context.emit({ name, on });
  }

  @RaftSnapshot()
  capture() {
    return this.flags.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.flags.restore(chunks);
  }
}

/** Subscribes before the node has started. */
@Injectable()
class Watcher implements OnModuleInit {
  readonly heard: RaftMachineEvent[] = [];
  completed = false;

  constructor(
    readonly raft: RaftService,
    @InjectStateMachine(Flags) readonly flags: Replicated<Flags>,
  ) {}

  onModuleInit(): void {
    this.raft.changes(Flags).subscribe({
      next: (event) => this.heard.push(event),
      complete: () => (this.completed = true),
    });
  }
}

describe('RaftService.changes', () => {
  it("tells of a machine's changes before their caller has the answer, and completes with the node", async () => {
    const module = await Test.createTestingModule({
      imports: [RaftModule.forRoot(), RaftModule.forFeature([Flags])],
      providers: [Watcher],
    })
      .setLogger(SILENT)
      .compile();
    await module.init();
    const watcher = module.get(Watcher);

    const { index } = await watcher.flags.$ordered().set('dark', true);

    expect(watcher.heard).toEqual([
      expect.objectContaining({ kind: 'change', index, command: 'set', value: { name: 'dark', on: true } }),
    ]);
    await module.close();
    expect(watcher.completed).toBe(true);
    let late = false;
    watcher.raft.changes(Flags).subscribe({ complete: () => (late = true) });
    expect(late).toBe(true);
  });

  it('refuses a class that is no state machine', async () => {
    const module = await Test.createTestingModule({ imports: [RaftModule.forRoot()] })
      .setLogger(SILENT)
      .compile();
    expect(() => module.get(RaftService).changes(Watcher)).toThrow('has no @RaftStateMachine');
  });
});
