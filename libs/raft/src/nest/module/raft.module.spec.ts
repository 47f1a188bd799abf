import 'reflect-metadata';
import {
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  Post,
  type LoggerService,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { firstValueFrom, filter, toArray } from 'rxjs';
import {
  getRaftToken,
  getStateMachineToken,
  InjectRaft,
  InjectStateMachine,
  isRaftError,
  memoryStorage,
  MemoryStorage,
  RaftCommand,
  RaftModule,
  RaftQuery,
  RaftRejection,
  RaftRestore,
  RaftService,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type CommandContext,
  type QueryContext,
  type RaftError,
  type RaftModuleOptions,
  type RaftOptionsFactory,
  type Replicated,
} from '../../index';

let made = 0;

@RaftStateMachine('counters')
class Counters {
  private readonly values = new SnapshotMap<string, number>();

  constructor() {
    made++;
  }

  @RaftCommand()
  increment(_context: CommandContext, name: string, by = 1): number {
    if (by < 0) throw new RaftRejection('NEGATIVE', { by });
    const value = (this.values.get(name) ?? 0) + by;
    this.values.set(name, value);
    return value;
  }

  @RaftQuery()
  current(_context: QueryContext, name: string): number {
    return this.values.get(name) ?? 0;
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

@Controller('counters')
class CountersController {
  constructor(@InjectStateMachine(Counters) readonly counters: Replicated<Counters>) {}

  @Get()
  current(): Promise<number> {
    return this.counters.current('visits');
  }

  @Post()
  increment(): Promise<number> {
    return this.counters.increment('visits');
  }

  @Post('refused')
  refused(): Promise<number> {
    return this.counters.increment('visits', -1);
  }
}

@Module({ imports: [RaftModule.forFeature([Counters])], controllers: [CountersController] })
class CountersModule {}

@Injectable()
class ReportService {
  constructor(
    @InjectStateMachine(Counters) readonly counters: Replicated<Counters>,
    @InjectRaft() readonly raft: RaftService,
  ) {}
}

@Module({ imports: [RaftModule.forFeature([Counters])], providers: [ReportService], exports: [ReportService] })
class ReportModule {}

const fast: RaftModuleOptions = { election: { timeoutMs: 100, heartbeatIntervalMs: 20 } };

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

const opened: TestingModule[] = [];

async function start(
  imports: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>,
  providers: Type[] = [],
) {
  const moduleRef = await Test.createTestingModule({ imports, providers }).setLogger(SILENT).compile();
  await moduleRef.init();
  opened.push(moduleRef);
  return moduleRef;
}

/** @returns the sentence with which the application doesn't start */
async function refusal(starting: Promise<unknown>): Promise<string> {
  const error: unknown = await starting.then(
    () => new Error('it started'),
    (thrown: unknown) => thrown,
  );
  return (error as Error).message;
}

afterEach(async () => {
  for (const moduleRef of opened.splice(0)) await moduleRef.close();
});

describe('RaftModule', () => {
  it('is a single node in memory without any option, and opens no port', async () => {
    const moduleRef = await start([RaftModule.forRoot(), CountersModule]);
    const { counters } = moduleRef.get(CountersController, { strict: false });

    expect(await counters.increment('visits', 2)).toBe(2);
    expect(await counters.current('visits')).toBe(2);
    expect(await counters.$ordered().increment('visits')).toEqual({ value: 3, index: expect.any(Number) as number });
    const raft = moduleRef.get(RaftService);
    expect(raft.isLeader()).toBe(true);
    expect(raft.status()).toMatchObject({ phase: 'running', nodeId: 'node1', clusterName: 'raft', isLeader: true });
  });

  it('makes each state machine once, however many modules name it', async () => {
    made = 0;
    const moduleRef = await start([RaftModule.forRoot(fast), CountersModule, ReportModule]);

    expect(made).toBe(1);
    await moduleRef.get(CountersController, { strict: false }).counters.increment('visits');
    expect(await moduleRef.get(ReportService, { strict: false }).counters.current('visits')).toBe(1);
  });

  it('injects an object with own methods only, which Nest takes for no life-cycle hook and no promise', async () => {
    const moduleRef = await start([RaftModule.forRoot(fast), CountersModule]);
    const counters = moduleRef.get<object>(getStateMachineToken(Counters), { strict: false });

    expect(Object.keys(counters)).toEqual(expect.arrayContaining(['increment', 'current', '$ordered']));
    expect('onModuleInit' in counters).toBe(false);
    expect('then' in counters).toBe(false);
  });

  it('keeps two applications in one process apart', async () => {
    const [first, second] = [
      await start([RaftModule.forRoot(fast), CountersModule]),
      await start([RaftModule.forRoot(fast), CountersModule]),
    ];

    await first.get(CountersController, { strict: false }).counters.increment('visits', 5);

    expect(await second.get(CountersController, { strict: false }).counters.current('visits')).toBe(0);
    await first.close();
    expect(await second.get(CountersController, { strict: false }).counters.increment('visits')).toBe(1);
  });

  it('keeps two groups in one application apart, each with tokens of its own', async () => {
    @Injectable()
    class Both {
      constructor(
        @InjectRaft('audit') readonly audit: RaftService,
        readonly main: RaftService,
        @InjectStateMachine(Counters, 'audit') readonly audited: Replicated<Counters>,
        @InjectStateMachine(Counters) readonly counters: Replicated<Counters>,
      ) {}
    }
    const moduleRef = await start(
      [
        RaftModule.forRoot(fast),
        RaftModule.forRoot({ ...fast, group: 'audit' }),
        RaftModule.forFeature([Counters]),
        RaftModule.forFeature([Counters], 'audit'),
      ],
      [Both],
    );
    const both = moduleRef.get(Both);

    await both.audited.increment('visits', 7);

    expect(await both.counters.current('visits')).toBe(0);
    expect(both.audit.status().group).toBe('audit');
    expect(both.main.status().group).toBe('default');
    expect(moduleRef.get(getRaftToken('audit'))).toBe(both.audit);
  });

  it('tells of the leader as it changes, and completes when it stops', async () => {
    const moduleRef = await start([RaftModule.forRoot(fast)]);
    const raft = moduleRef.get(RaftService);
    const phases = firstValueFrom(raft.status$.pipe(toArray()));

    const leader = await firstValueFrom(raft.leader$.pipe(filter((each) => each !== null)));
    expect(leader.name).toBe('node1');
    expect(await firstValueFrom(raft.isLeader$.pipe(filter(Boolean)))).toBe(true);
    await moduleRef.close();

    expect((await phases).at(-1)?.phase).toBe('stopped');
    expect(raft.isLeader()).toBe(false);
    await moduleRef.close();
  });

  it('proposes and reads by name, and waits for a barrier', async () => {
    const moduleRef = await start([RaftModule.forRoot(fast), CountersModule]);
    const raft = moduleRef.get(RaftService);

    const { value, index } = await raft.propose({ machine: 'counters', command: 'increment', args: ['visits', 4] });

    expect(value).toBe(4);
    expect(await raft.barrier()).toBeGreaterThanOrEqual(index);
    expect((await raft.read({ machine: 'counters', query: 'current', args: ['visits'] })).value).toBe(4);
    await expect(
      raft.propose({ machine: 'counters', command: 'increment', args: ['visits', -1] }),
    ).rejects.toMatchObject({ code: 'RAFT_REJECTED', reason: 'NEGATIVE', details: { by: -1 } });
  });

  describe('forRootAsync', () => {
    const SETTING = 'SETTING';
    @Module({ providers: [{ provide: SETTING, useValue: 'from-config' }], exports: [SETTING] })
    class ConfigModule {}

    @Injectable()
    class OptionsService implements RaftOptionsFactory {
      constructor(@Inject(SETTING) private readonly nodeId: string) {}

      createRaftOptions(): Promise<RaftModuleOptions> {
        return Promise.resolve({ ...fast, nodeId: this.nodeId });
      }
    }

    @Module({ imports: [ConfigModule], providers: [OptionsService], exports: [OptionsService] })
    class OptionsModule {}

    it.each([
      [
        'useFactory',
        RaftModule.forRootAsync({
          imports: [ConfigModule],
          inject: [SETTING],
          useFactory: (nodeId: string) => ({ ...fast, nodeId }),
        }),
      ],
      ['useClass', RaftModule.forRootAsync({ imports: [ConfigModule], useClass: OptionsService })],
      ['useExisting', RaftModule.forRootAsync({ imports: [OptionsModule], useExisting: OptionsService })],
    ])('takes the options of %s', async (_name, root) => {
      const moduleRef = await start([root, CountersModule]);

      expect(moduleRef.get(RaftService).status().nodeId).toBe('from-config');
      expect(await moduleRef.get(CountersController, { strict: false }).counters.increment('visits')).toBe(1);
    });

    it('takes the group from beside the factory', async () => {
      const moduleRef = await start([RaftModule.forRootAsync({ group: 'audit', useFactory: () => fast })]);

      expect(moduleRef.get<RaftService>(getRaftToken('audit')).status().group).toBe('audit');
    });

    it('says so where the factory returns no options', async () => {
      const root = RaftModule.forRootAsync({ useFactory: () => undefined as unknown as RaftModuleOptions });

      expect(await refusal(start([root]))).toMatch(/forRootAsync's factory must return an object/);
    });
  });

  it('makes storage with what Nest injects', async () => {
    const storage = memoryStorage();
    @Module({ providers: [{ provide: 'STORE', useValue: storage }], exports: ['STORE'] })
    class StoreModule {}
    const moduleRef = await start([
      RaftModule.forRoot({ ...fast, storage: { inject: ['STORE'], useFactory: (store: typeof storage) => store } }),
      StoreModule,
      CountersModule,
    ]);

    await moduleRef.get(CountersController, { strict: false }).counters.increment('visits');

    expect(storage.medium.nodeName).toBe('node1');
  });

  it('is not global where it is told not to be, and serves those that import it', async () => {
    const root = RaftModule.forRoot({ ...fast, isGlobal: false });
    @Injectable()
    class Importing {
      constructor(readonly raft: RaftService) {}
    }
    @Module({ imports: [root, CountersModule], providers: [Importing], exports: [Importing] })
    class ImportingModule {}
    const moduleRef = await start([ImportingModule]);

    expect(moduleRef.get(Importing, { strict: false }).raft.isLeader()).toBeDefined();
    expect(await moduleRef.get(CountersController, { strict: false }).counters.increment('visits')).toBe(1);
  });

  it('lets a test override the service and a state machine by their tokens', async () => {
    const moduleRef = await Test.createTestingModule({ imports: [RaftModule.forRoot(fast), CountersModule] })
      .overrideProvider(getStateMachineToken(Counters))
      .useValue({ current: () => Promise.resolve(42) })
      .overrideProvider(getRaftToken())
      .useValue({ isLeader: () => true })
      .setLogger(SILENT)
      .compile();
    opened.push(moduleRef);
    await moduleRef.init();

    expect(await moduleRef.get(CountersController, { strict: false }).current()).toBe(42);
    expect(moduleRef.get(RaftService).isLeader()).toBe(true);
  });

  describe('before it has started and after it has stopped', () => {
    it('answers RAFT_NOT_STARTED in onModuleInit, names the hook, and does not hang', async () => {
      const errors: unknown[] = [];
      @Injectable()
      class TooEarly implements OnModuleInit {
        constructor(
          @InjectStateMachine(Counters) private readonly counters: Replicated<Counters>,
          private readonly raft: RaftService,
        ) {}

        async onModuleInit(): Promise<void> {
          errors.push(await this.counters.increment('visits').catch((error: unknown) => error));
          errors.push(await this.counters.current('visits').catch((error: unknown) => error));
          errors.push(await this.raft.barrier().catch((error: unknown) => error));
          expect(this.raft.status().phase).toBe('created');
          expect(this.raft.isLeader()).toBe(false);
        }
      }
      await start([RaftModule.forRoot(fast), RaftModule.forFeature([Counters])], [TooEarly]);

      expect(errors).toHaveLength(3);
      for (const error of errors) {
        expect(isRaftError(error)).toBe(true);
        expect(error).toMatchObject({
          code: 'RAFT_NOT_STARTED',
          message: expect.stringMatching(/onApplicationBootstrap/) as string,
        });
        expect((error as RaftError).notApplied).toBe(true);
      }
    });

    it("serves the application's own onApplicationBootstrap", async () => {
      const results: number[] = [];
      @Injectable()
      class Seed {
        constructor(@InjectStateMachine(Counters) private readonly counters: Replicated<Counters>) {}

        async onApplicationBootstrap(): Promise<void> {
          results.push(await this.counters.increment('visits'));
        }
      }
      await start([RaftModule.forRoot(fast), RaftModule.forFeature([Counters])], [Seed]);

      expect(results).toEqual([1]);
    });

    it('answers RAFT_SHUTTING_DOWN afterwards', async () => {
      const moduleRef = await start([RaftModule.forRoot(fast), CountersModule]);
      const { counters } = moduleRef.get(CountersController, { strict: false });
      await moduleRef.close();

      await expect(counters.increment('visits')).rejects.toMatchObject({ code: 'RAFT_SHUTTING_DOWN' });
    });
  });

  describe('does not start, and says what to write,', () => {
    it('where forFeature has no forRoot', async () => {
      expect(await refusal(start([CountersModule]))).toMatch(
        /RaftModule\.forFeature\(\[Counters\]\) is imported, and no RaftModule\.forRoot\(\): import it once/,
      );
    });

    it('where a machine is injected and its forFeature is missing', async () => {
      expect(await refusal(start([RaftModule.forRoot(fast)], [ReportService]))).toContain(
        'Replicated<Counters>, which RaftModule.forFeature([Counters]) provides: add it to the imports of the module',
      );
    });

    it('where the class itself is injected', async () => {
      @Injectable()
      class Naive {
        constructor(readonly counters: Counters) {}
      }

      expect(await refusal(start([RaftModule.forRoot(fast), RaftModule.forFeature([Counters])], [Naive]))).toBe(
        "Naive injects the state machine Counters itself, whose methods would change this node's copy only. Write @InjectStateMachine(Counters) private readonly counters: Replicated<Counters>.",
      );
    });

    it('where the class is among the providers of a module', async () => {
      @Module({ providers: [Counters] })
      class NaiveModule {}

      expect(await refusal(start([RaftModule.forRoot(fast), CountersModule, NaiveModule]))).toMatch(
        /NaiveModule has it among its providers\. Remove it there/,
      );
    });

    it('where a group has two forRoot', async () => {
      expect(await refusal(start([RaftModule.forRoot(fast), RaftModule.forRoot(fast)]))).toMatch(
        /imported 2 times for the group 'default'/,
      );
    });

    it('where the database belongs to another process', async () => {
      const storage = memoryStorage();
      await start([RaftModule.forRoot({ ...fast, storage })]);
      const again = await Test.createTestingModule({ imports: [RaftModule.forRoot({ ...fast, storage })] })
        .setLogger(SILENT)
        .compile();

      expect(await refusal(again.init())).toMatch(/open already/);
    });

    it('where the peer port is taken', async () => {
      const taken: Server = createServer();
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
      const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`;

      expect(await refusal(start([RaftModule.forRoot({ ...fast, peers: { listen: address } })]))).toContain(address);
      await new Promise((resolve) => taken.close(resolve));
    });

    it('where storage needs a provider that nobody provides', async () => {
      const storage = { inject: ['MISSING'], useFactory: () => memoryStorage() };

      expect(await refusal(start([RaftModule.forRoot({ ...fast, storage })]))).toMatch(
        /storage needs the provider MISSING, and no module provides it/,
      );
    });

    it('where a command is asynchronous', async () => {
      @RaftStateMachine('slow')
      class Slow extends Counters {
        // @ts-expect-error a command of a machine in memory returns its result, not a promise of it
        @RaftCommand()
        async later(_context: CommandContext): Promise<number> {
          return Promise.resolve(1);
        }
      }

      expect(() => RaftModule.forFeature([Slow])).toThrow(/later/);
    });

    it('where a class is no state machine, or is not there yet', () => {
      class Plain {}

      expect(() => RaftModule.forFeature([Plain])).toThrow(/Plain has no @RaftStateMachine\(name\)/);
      expect(() => InjectStateMachine(undefined as unknown as typeof Counters)).toThrow(/imported in a circle/);
    });
  });
});

describe('a storage that names a data source of the application', () => {
  class NamedStorage extends MemoryStorage {
    given: object | undefined;

    get dataSourceName(): string | undefined {
      return this.given === undefined ? 'raft' : undefined;
    }

    useDataSourceOptions(options: object): void {
      this.given = options;
    }
  }

  it('gets its connection options', async () => {
    const storage = new NamedStorage();
    const options = { type: 'postgres', url: 'postgresql://localhost/raft' };
    @Module({ providers: [{ provide: 'raftDataSource', useValue: { options } }] })
    class DatabaseModule {}
    await start([RaftModule.forRoot({ ...fast, storage }), DatabaseModule]);

    expect(storage.given).toBe(options);
  });

  it('is refused where there is none of that name', async () => {
    expect(await refusal(start([RaftModule.forRoot({ ...fast, storage: new NamedStorage() })]))).toContain(
      "Import TypeOrmModule.forRoot({ name: 'raft', … })",
    );
  });
});
