import 'reflect-metadata';
import { Controller, Inject, Injectable, Module, Post } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  InjectRaft,
  InjectStateMachine,
  memoryStorage,
  RaftCommand,
  RaftModule,
  RaftQuery,
  RaftRestore,
  RaftService,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type CommandContext,
  type QueryContext,
  type Replicated,
} from '../../index';
import { typeOrmStorage } from '../../typeorm';
import { RaftTestingModule } from './index';

@RaftStateMachine('notes')
class Notes {
  private readonly values = new SnapshotMap<string, number>();

  @RaftCommand()
  write(context: CommandContext, text: string): number {
    this.values.set(text, context.now);
    return context.now;
  }

  @RaftQuery()
  count(_context: QueryContext): number {
    return this.values.size;
  }

  @RaftSnapshot()
  capture() {
    return this.values.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.values.restore(chunks);
  }
}

@Injectable()
class Writer {
  constructor(
    @InjectStateMachine(Notes) readonly notes: Replicated<Notes>,
    readonly raft: RaftService,
  ) {}
}

/** A {@link Writer} of the group `audit`. */
@Injectable()
class Auditor {
  constructor(
    @InjectStateMachine(Notes, 'audit') readonly notes: Replicated<Notes>,
    @InjectRaft('audit') readonly raft: RaftService,
  ) {}
}

@Controller()
class NotesController {
  @Inject(Writer) private readonly writer!: Writer;

  @Post()
  write(): Promise<number> {
    return this.writer.notes.write('milk');
  }
}

/** As an application has it: members, a port, a database. Nothing of it is there. */
const placed = {
  nodeId: 'n1',
  clusterName: 'shop',
  members: ['n1', 'n2', 'n3'].map((id) => ({ id, peer: `${id}.invalid:7001`, http: `http://${id}.invalid` })),
  peers: { listen: '0.0.0.0:1', advertise: 'n1.invalid:7001' },
  storage: typeOrmStorage({ url: 'postgresql://nobody@database.invalid/none' }),
  requestTimeoutMs: 1_234,
};

@Module({
  imports: [RaftModule.forRoot(placed), RaftModule.forFeature([Notes])],
  providers: [Writer],
  controllers: [NotesController],
})
class AppModule {}

const opened: TestingModule[] = [];

async function started(moduleRef: Promise<TestingModule>): Promise<TestingModule> {
  const app = await moduleRef;
  opened.push(app);
  await app.init();
  return app;
}

/** What keeps the process alive, by kind. */
function holds(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => /Timeout|TCP/.test(kind))
    .sort();
}

afterEach(async () => {
  jest.useRealTimers();
  for (const app of opened.splice(0)) await app.close();
});

describe('RaftTestingModule.forRoot', () => {
  const withNotes = (imports: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>) =>
    started(
      Test.createTestingModule({
        imports: [...imports, RaftModule.forFeature([Notes])],
        providers: [Writer],
      }).compile(),
    );

  it('leads as soon as the application has started', async () => {
    const { notes, raft } = (await withNotes([RaftTestingModule.forRoot()])).get(Writer);

    expect(raft.isLeader()).toBe(true);
    await notes.write('milk');
    expect(await notes.count()).toBe(1);
  });

  it('keeps nothing alive, although nobody closes the application', async () => {
    const before = holds();
    const { notes } = (await withNotes([RaftTestingModule.forRoot()])).get(Writer);
    await notes.write('milk');
    await notes.count();

    expect(holds()).toEqual(before);
  });

  it('goes on under fake timers', async () => {
    jest.useFakeTimers();
    const { notes, raft } = (await withNotes([RaftTestingModule.forRoot()])).get(Writer);
    await notes.write('milk');

    expect(raft.isLeader()).toBe(true);
    expect(await notes.count()).toBe(1);
  });

  it('takes a group and the options that mean something to a node alone', async () => {
    const app = await started(
      Test.createTestingModule({
        imports: [
          RaftTestingModule.forRoot({ group: 'audit', nodeId: 'tester' }),
          RaftModule.forFeature([Notes], 'audit'),
        ],
        providers: [Auditor],
      }).compile(),
    );
    const { notes, raft } = app.get(Auditor);

    expect(raft.status()).toMatchObject({ group: 'audit', nodeId: 'tester', isLeader: true });
    await notes.write('milk');
    expect(await notes.count()).toBe(1);
  });
});

describe('RaftTestingModule.override', () => {
  it('makes one node in memory of an application that has members, a port and a database', async () => {
    const app = await started(RaftTestingModule.override(Test.createTestingModule({ imports: [AppModule] })).compile());
    const { notes, raft } = app.get(Writer);

    expect(raft.status()).toMatchObject({ nodeId: 'n1', clusterName: 'shop', isLeader: true });
    expect(raft.status().members).toHaveLength(1);
    await notes.write('milk');
    expect(await notes.count()).toBe(1);
  });

  it('needs no variable that the options were to come from', async () => {
    @Module({
      imports: [
        RaftModule.forRootAsync({
          useFactory: () => ({
            ...placed,
            nodeId: process.env.NO_SUCH_VARIABLE,
            storage: typeOrmStorage({ url: process.env.NO_SUCH_VARIABLE }),
          }),
        }),
        RaftModule.forFeature([Notes]),
      ],
      providers: [Writer],
    })
    class AsyncAppModule {}
    const app = await started(
      RaftTestingModule.override(Test.createTestingModule({ imports: [AsyncAppModule] })).compile(),
    );

    expect(app.get(Writer).raft.status()).toMatchObject({ nodeId: 'node1', isLeader: true });
  });

  it('makes no storage and resolves nothing that one would need', async () => {
    const useFactory = jest.fn(() => memoryStorage());
    const app = await started(
      RaftTestingModule.override(
        Test.createTestingModule({
          imports: [
            RaftModule.forRoot({ ...placed, storage: { inject: ['nobody provides this'], useFactory } }),
            RaftModule.forFeature([Notes]),
          ],
          providers: [Writer],
        }),
      ).compile(),
    );

    expect(app.get(Writer).raft.isLeader()).toBe(true);
    expect(useFactory).not.toHaveBeenCalled();
  });

  it('counts for every group of the application', async () => {
    const app = await started(
      RaftTestingModule.override(
        Test.createTestingModule({
          imports: [
            RaftModule.forRoot(placed),
            RaftModule.forRoot({ ...placed, group: 'audit' }),
            RaftModule.forFeature([Notes]),
            RaftModule.forFeature([Notes], 'audit'),
          ],
          providers: [Writer, Auditor],
        }),
      ).compile(),
    );

    await app.get(Auditor).notes.write('milk');
    expect(await app.get(Auditor).notes.count()).toBe(1);
    expect(await app.get(Writer).notes.count()).toBe(0);
  });
});

describe('typeOrmStorage', () => {
  it('is refused at the start of a node, not in the file that names it, where its url is absent', async () => {
    const storage = typeOrmStorage({ url: process.env.NO_SUCH_VARIABLE });
    const app = await Test.createTestingModule({ imports: [RaftModule.forRoot({ storage })] })
      .setLogger({ log: () => undefined, warn: () => undefined, error: () => undefined })
      .compile();

    await expect(app.init()).rejects.toThrow(
      "The option 'url' of typeOrmStorage() is undefined: it must be the address of a Postgres database, postgresql://user:password@host:port/database.",
    );
  });
});
