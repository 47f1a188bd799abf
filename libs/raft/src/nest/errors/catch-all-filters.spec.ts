import {
  type ArgumentsHost,
  Catch,
  Controller,
  Get,
  HttpException,
  Injectable,
  Post,
  UseFilters,
  type ExceptionFilter,
  type INestApplication,
} from '@nestjs/common';
import { APP_FILTER, BaseExceptionFilter, HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  InjectStateMachine,
  memoryStorage,
  RaftCommand,
  RaftError,
  RaftModule,
  RaftRestore,
  RaftSnapshot,
  RaftStateMachine,
  SnapshotMap,
  type CommandContext,
  type RaftModuleOptions,
  type Replicated,
} from '../../index';

@RaftStateMachine('visits')
class Visits {
  private readonly counts = new SnapshotMap<string, number>();

  @RaftCommand()
  add(_context: CommandContext): number {
    const count = (this.counts.get('all') ?? 0) + 1;
    this.counts.set('all', count);
    return count;
  }

  @RaftSnapshot()
  capture() {
    return this.counts.capture();
  }

  @RaftRestore()
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.counts.restore(chunks);
  }
}

interface Reply {
  status(status: number): { send(body: object): void };
}

/** As most applications have it: what isn't Nest's own exception is a 500. */
@Catch()
class ByInstanceFilter implements ExceptionFilter {
  catch(exception: unknown, host: ArgumentsHost): void {
    const status = exception instanceof HttpException ? exception.getStatus() : 500;
    const body = exception instanceof HttpException ? exception.getResponse() : 'Internal server error';
    host.switchToHttp().getResponse<Reply>().status(status).send({ shape: 'by instance', body });
  }
}

/** As Nest's documentation has it, with the adapter. */
@Catch()
@Injectable()
class ByAdapterFilter implements ExceptionFilter {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const { httpAdapter } = this.adapterHost;
    const status = exception instanceof HttpException ? exception.getStatus() : 500;
    const body = { shape: 'by adapter', body: exception instanceof HttpException ? exception.getResponse() : null };
    httpAdapter.reply(host.switchToHttp().getResponse<unknown>(), body, status);
  }
}

/** As those do who only want to log. */
@Catch()
class LoggingFilter extends BaseExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): void {
    super.catch(exception, host);
  }
}

/** Knows Nest's exceptions alone. */
@Catch(HttpException)
class HttpOnlyFilter implements ExceptionFilter<HttpException> {
  catch(exception: HttpException, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<Reply>();
    reply.status(exception.getStatus()).send({ shape: 'http only', body: exception.getResponse() });
  }
}

/** For whoever answers Raft errors in a way of their own. */
@Catch(RaftError)
class RaftOnlyFilter implements ExceptionFilter<RaftError> {
  catch(error: RaftError, host: ArgumentsHost): void {
    host.switchToHttp().getResponse<Reply>().status(418).send({ shape: 'raft only', code: error.code });
  }
}

class Calls {
  constructor(protected readonly visits: Replicated<Visits>) {}
}

@Controller('method')
class OnMethodController extends Calls {
  constructor(@InjectStateMachine(Visits) visits: Replicated<Visits>) {
    super(visits);
  }

  @Get('instance')
  @UseFilters(ByInstanceFilter)
  byInstance(): Promise<number> {
    return this.visits.$timeout(200).add();
  }

  @Get('adapter')
  @UseFilters(ByAdapterFilter)
  byAdapter(): Promise<number> {
    return this.visits.$timeout(200).add();
  }

  @Get('base')
  @UseFilters(LoggingFilter)
  base(): Promise<number> {
    return this.visits.$timeout(200).add();
  }

  @Post('given')
  @UseFilters(new HttpOnlyFilter())
  given(): Promise<number> {
    return this.visits.$timeout(200).add();
  }
}

@Controller('own')
@UseFilters(ByInstanceFilter)
class OwnAnswerController extends Calls {
  constructor(@InjectStateMachine(Visits) visits: Replicated<Visits>) {
    super(visits);
  }

  @Get()
  @UseFilters(RaftOnlyFilter)
  add(): Promise<number> {
    return this.visits.$timeout(200).add();
  }
}

@Controller('class')
@UseFilters(ByInstanceFilter)
class OnClassController extends Calls {
  constructor(@InjectStateMachine(Visits) visits: Replicated<Visits>) {
    super(visits);
  }

  @Get()
  add(): Promise<number> {
    return this.visits.$timeout(200).add();
  }

  @Get('bug')
  bug(): never {
    throw new TypeError('a bug of the application');
  }
}

@Controller('plain')
class PlainController extends Calls {
  constructor(@InjectStateMachine(Visits) visits: Replicated<Visits>) {
    super(visits);
  }

  @Get()
  add(): Promise<number> {
    return this.visits.$timeout(200).add();
  }
}

/** One of three members, and the others are not up: nobody can be elected. */
const ALONE: RaftModuleOptions = {
  nodeId: 'n1',
  members: [
    { id: 'n1', peer: '127.0.0.1:1' },
    { id: 'n2', peer: '127.0.0.1:2' },
    { id: 'n3', peer: '127.0.0.1:3' },
  ],
  peers: { listen: '127.0.0.1:0', advertise: '127.0.0.1:1' },
};

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('a plain controller that calls a command while there is no leader, on %s', (_name, newAdapter) => {
  const opened: INestApplication[] = [];

  async function serve(
    controllers: (typeof OnMethodController | typeof OnClassController | typeof PlainController)[],
    prepare: (app: INestApplication) => void = () => undefined,
    providers: object[] = [],
    options: RaftModuleOptions = {},
  ): Promise<string> {
    const moduleRef = await Test.createTestingModule({
      imports: [
        RaftModule.forRoot({ ...ALONE, storage: memoryStorage(), ...options }),
        RaftModule.forFeature([Visits]),
      ],
      controllers,
      providers: providers as never[],
    }).compile();
    const app = moduleRef.createNestApplication(newAdapter() as AbstractHttpAdapter, { logger: false });
    prepare(app);
    opened.push(app);
    await app.listen(0, '127.0.0.1');
    return `http://127.0.0.1:${((app.getHttpServer() as Server).address() as AddressInfo).port}`;
  }

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((app) => app.close()));
  });

  const body = { statusCode: 503, code: 'RAFT_NO_LEADER', message: expect.any(String) as string };

  async function expectNoLeader(answer: Promise<Response>, expected: object): Promise<void> {
    const response = await answer;
    expect(await response.json()).toEqual(expected);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
  }

  it('answers 503 with Retry-After and the code without any filter of the application', async () => {
    const url = await serve([PlainController]);

    await expectNoLeader(fetch(`${url}/plain`), body);
  });

  it('does so under a filter for everything on the method, in that filter’s shape', async () => {
    const url = await serve([OnMethodController]);

    await expectNoLeader(fetch(`${url}/method/instance`), { shape: 'by instance', body });
    await expectNoLeader(fetch(`${url}/method/adapter`), { shape: 'by adapter', body });
    await expectNoLeader(fetch(`${url}/method/base`), body);
    await expectNoLeader(fetch(`${url}/method/given`, { method: 'POST' }), { shape: 'http only', body });
  });

  it('does so under one on the class, which still sees bugs as they are', async () => {
    const url = await serve([OnClassController]);

    await expectNoLeader(fetch(`${url}/class`), { shape: 'by instance', body });
    const bug = await fetch(`${url}/class/bug`);
    expect(bug.status).toBe(500);
    expect(await bug.json()).toEqual({ shape: 'by instance', body: 'Internal server error' });
  });

  it('does so under a global one, be it given to the application or provided by a module', async () => {
    const given = await serve([PlainController], (app) => app.useGlobalFilters(new ByInstanceFilter()));
    await expectNoLeader(fetch(`${given}/plain`), { shape: 'by instance', body });

    const derived = await serve([PlainController], (app) =>
      app.useGlobalFilters(new LoggingFilter(app.get(HttpAdapterHost).httpAdapter)),
    );
    await expectNoLeader(fetch(`${derived}/plain`), body);

    const provided = await serve([PlainController], undefined, [{ provide: APP_FILTER, useClass: ByAdapterFilter }]);
    // Ours was added behind it, and is asked first.
    await expectNoLeader(fetch(`${provided}/plain`), body);
  });

  it("leaves the error to the application's own filter for it", async () => {
    const url = await serve([OwnAnswerController]);

    const response = await fetch(`${url}/own`);
    expect(response.status).toBe(418);
    expect(await response.json()).toEqual({ shape: 'raft only', code: 'RAFT_NO_LEADER' });
  });

  it('leaves everything to the application with httpErrors: false', async () => {
    const url = await serve([OnClassController], undefined, [], { httpErrors: false });

    expect((await fetch(`${url}/class`)).status).toBe(500);
  });
});

describe('an application that mounts several groups', () => {
  it('has one interceptor, and none where it has no filter of its own', async () => {
    for (const [filters, expected] of [
      [[new ByInstanceFilter()], 1],
      [[], 0],
    ] as const) {
      const moduleRef = await Test.createTestingModule({
        imports: [RaftModule.forRoot(), RaftModule.forRoot({ group: 'audit' })],
      }).compile();
      const app = moduleRef.createNestApplication(new ExpressAdapter(), { logger: false });
      app.useGlobalFilters(...filters);
      await app.init();
      expect(globalInterceptors(app)).toHaveLength(expected);
      await app.close();
    }
  });
});

function globalInterceptors(app: INestApplication): readonly unknown[] {
  return (app as unknown as { config: { getGlobalInterceptors(): unknown[] } }).config.getGlobalInterceptors();
}
