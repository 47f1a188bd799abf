import { Injectable, type LoggerService, type OnModuleInit, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';
import {
  InjectStateMachine,
  memoryStorage,
  MemoryStorage,
  RaftCommand,
  RaftModule,
  type RaftModuleOptions,
  RaftRestore,
  RaftService,
  RaftSnapshot,
  RaftStateMachine,
  type Replicated,
  SnapshotMap,
  type CommandContext,
} from '../../libs/raft/src';
import { typeOrmStorage } from '../../libs/raft/src/typeorm';
import { freePorts } from '../support/free-ports';
import { TestPostgres } from '../support/postgres';
import { TransactionPooler } from '../support/transaction-pooler';

jest.setTimeout(300_000);

const GUIDE = readFileSync(join(__dirname, '../../docs/guides/first-mistakes.md'), 'utf8');

@RaftStateMachine('counters')
class Counters {
  protected readonly values = new SnapshotMap<string, number>();

  @RaftCommand()
  increment(_context: CommandContext, name: string): number {
    const value = (this.values.get(name) ?? 0) + 1;
    this.values.set(name, value);
    return value;
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
class CountersService {
  constructor(@InjectStateMachine(Counters) readonly counters: Replicated<Counters>) {}
}

class Heard implements LoggerService {
  readonly lines: string[] = [];
  log(line: string): void {
    this.lines.push(line);
  }
  warn(line: string): void {
    this.lines.push(line);
  }
  error(line: string): void {
    this.lines.push(line);
  }
}

const opened: TestingModule[] = [];
const heard = { current: new Heard() };

async function start(imports: object[], providers: Type[] = []): Promise<TestingModule> {
  const app = await Test.createTestingModule({ imports: imports as never[], providers })
    .setLogger(heard.current)
    .compile();
  await app.init();
  opened.push(app);
  return app;
}

/** @returns the sentence with which it doesn't start */
async function refusal(starting: Promise<unknown>): Promise<string> {
  return starting.then(
    () => 'it started',
    (error: unknown) => (error as Error).message,
  );
}

/** Compares with the sentence, and sees that the guide has it in the same words. */
function expectSentence(said: string, sentence: string): void {
  expect(said).toBe(sentence);
  expect(GUIDE).toContain(`> ${sentence}\n`);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

beforeEach(() => {
  heard.current = new Heard();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

const fast: RaftModuleOptions = { election: { timeoutMs: 200, heartbeatIntervalMs: 40 } };

describe('the ten first mistakes are answered with what to do:', () => {
  describe('of the database,', () => {
    let postgres: TestPostgres;
    beforeAll(async () => {
      postgres = await TestPostgres.start();
    });
    afterAll(() => postgres.stop());

    it('1. the same database twice', async () => {
      const root = (): object =>
        RaftModule.forRoot({ ...fast, nodeId: 'n1', storage: typeOrmStorage({ url: postgres.url, lockWaitMs: 100 }) });
      await start([root()]);

      const said = await refusal(start([root()]));

      expectSentence(
        said.replace(/backend \d+/, 'backend 4711'),
        "The store could not be opened: The store in schema \"raft\" is in use by node 'n1' (backend 4711, 'nestjs-raft n1', connected from 127.0.0.1). Two processes must never share a store: give each node a database or a schema of its own, or end the other process.",
      );
    });

    it('10. a proxy that pools transactions', async () => {
      const pooler = await TransactionPooler.start(postgres.socket, { showsBackendPid: true, order: 'lastFirst' });
      const storage = typeOrmStorage({ url: postgres.urlThrough(pooler.port), schema: 'pooled' });

      expectSentence(
        await refusal(start([RaftModule.forRoot({ ...fast, storage })])),
        'The store could not be opened: The connection to Postgres goes through a pooling proxy, which may give the session, and with it the lock on the store, to another client. Point the storage straight at the Postgres server (with PgBouncer: its server, not port 6432).',
      );
      await pooler.stop();
    });
  });

  it('2. nodeId is not among the members', async () => {
    const members = [
      { id: 'n1', peer: 'n1:7001' },
      { id: 'n2', peer: 'n2:7001' },
    ];

    expectSentence(
      await refusal(start([RaftModule.forRoot({ nodeId: 'n3', members, storage: memoryStorage() })])),
      'RaftModule: nodeId is "n3", which is not among the members (n1, n2). Set nodeId to the one that this process is, or add { id: "n3", peer: \'host:port\' } to members on every node.',
    );
  });

  it('3. the port is busy', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };

    const said = await refusal(start([RaftModule.forRoot({ ...fast, peers: { listen: `127.0.0.1:${port}` } })]));

    expectSentence(
      said.replace(String(port), '7001'),
      "`peers.listen` is '127.0.0.1:7001': another process listens there already; stop it, or choose another port",
    );
    await new Promise((resolve) => taken.close(resolve));
  });

  it('4. forFeature is missing', async () => {
    const said = await refusal(start([RaftModule.forRoot(fast)], [CountersService]));

    const sentence =
      'Replicated<Counters>, which RaftModule.forFeature([Counters]) provides: add it to the imports of the module';
    expect(said).toContain(sentence);
    expect(GUIDE).toContain(sentence);
  });

  it('5. the class is injected itself', async () => {
    @Injectable()
    class Naive {
      constructor(readonly counters: Counters) {}
    }

    expectSentence(
      await refusal(start([RaftModule.forRoot(fast), RaftModule.forFeature([Counters])], [Naive])),
      "Naive injects the state machine Counters itself, whose methods would change this node's copy only. Write @InjectStateMachine(Counters) private readonly counters: Replicated<Counters>.",
    );
  });

  it('6. a command is async', () => {
    @RaftStateMachine('slow')
    class Slow extends Counters {
      // @ts-expect-error a command returns its result, not a promise of it
      @RaftCommand()
      async later(_context: CommandContext): Promise<number> {
        return Promise.resolve(this.values.size);
      }
    }
    let said = '';
    try {
      RaftModule.forFeature([Slow]);
    } catch (error) {
      said = (error as Error).message;
    }

    expectSentence(
      said,
      "Slow can't be a state machine. The command later is async: a command ends before the next one begins. Wait for what it needs before the call, and pass it as an argument.",
    );
  });

  it('7. a call in onModuleInit', async () => {
    @Injectable()
    class Seed implements OnModuleInit {
      constructor(@InjectStateMachine(Counters) private readonly counters: Replicated<Counters>) {}

      async onModuleInit(): Promise<void> {
        await this.counters.increment('starts');
      }
    }

    expectSentence(
      await refusal(start([RaftModule.forRoot(fast), RaftModule.forFeature([Counters])], [Seed])),
      'The Raft node has not started: it starts in onApplicationBootstrap, and this call came before, for instance from a constructor or from onModuleInit. Nothing was done. Move the call to onApplicationBootstrap, or later.',
    );
  });

  describe('of a cluster of three,', () => {
    const CLUSTER = { clusterName: 'shop', election: { timeoutMs: 300, heartbeatIntervalMs: 60 } } as const;

    function node(ports: readonly number[], id: string, storage: MemoryStorage, founders = ports.length): object {
      const members = ports.slice(0, founders).map((port, at) => ({ id: `n${at + 1}`, peer: `127.0.0.1:${port}` }));
      return RaftModule.forRoot({ ...CLUSTER, nodeId: id, members, storage });
    }

    /** Ports as the guide has them. */
    function asInGuide(said: string, ports: readonly number[]): string {
      return ports.reduce((text, port, at) => text.replaceAll(`127.0.0.1:${port}`, `n${at + 1}:7001`), said);
    }

    it('8. only one is up', async () => {
      const ports = await freePorts(3);
      const app = await start([node(ports, 'n1', memoryStorage())]);
      expect(app.get(RaftService).status().phase).toBe('bootstrapping');
      const line = (): string | undefined => heard.current.lines.find((each) => each.startsWith('Founding'));

      await until(() => line() !== undefined);

      expectSentence(
        asInGuide(line()!, ports),
        "Founding the cluster 'shop', waiting for all founders: n1 there; n2 at n2:7001 doesn't answer (refused: connect ECONNREFUSED n2:7001); n3 at n3:7001 doesn't answer (refused: connect ECONNREFUSED n3:7001)",
      );
    });

    it('9. a fourth is added to members while the cluster runs', async () => {
      const ports = await freePorts(4);
      const stores = [memoryStorage(), memoryStorage(), memoryStorage()];
      const apps = await Promise.all(stores.map((store, at) => start([node(ports, `n${at + 1}`, store, 3)])));
      await Promise.all(
        apps.map((app) => firstValueFrom(app.get(RaftService).leader$.pipe(filter((leader) => leader !== null)))),
      );

      // One that was there is started again with the longer list.
      await apps[2]!.close();
      opened.splice(opened.indexOf(apps[2]!), 1);
      const again = new MemoryStorage(stores[2]!.medium);
      await start([node(ports, 'n3', again)]);
      const warning = (): string | undefined => heard.current.lines.find((each) => each.startsWith('members names'));
      await until(() => warning() !== undefined);
      expectSentence(
        asInGuide(warning()!, ports),
        "members names n4, and the cluster 'shop' has no such member: its members are n1, n2, n3. The list founds a cluster; from then on it is addresses only, and adds nobody. To add n4, start it with join: ['n1:7001'] in place of members; where it was removed, take it off the list.",
      );

      // And the fourth itself.
      const fourth = await start([node(ports, 'n4', memoryStorage())]);
      const { reason } = await firstValueFrom(
        fourth.get(RaftService).status$.pipe(filter(({ phase }) => phase === 'quarantined')),
      );
      expectSentence(
        reason.replace(/node 'n\d' says so/, "node 'n1' says so"),
        "The cluster 'shop' exists already (node 'n1' says so), and the store of 'n4' is empty: wiped or replaced, kept in memory, or left out at the founding. A node without its data must not vote. Start it with join, or with onEmptyStore: 'rejoin' (RAFT_ON_EMPTY_STORE=rejoin, --on-empty-store rejoin).",
      );
    });
  });
});
