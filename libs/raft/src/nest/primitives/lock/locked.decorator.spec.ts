import 'reflect-metadata';
import {
  Body,
  Controller,
  Get,
  type INestApplication,
  Injectable,
  type LoggerService,
  Param,
  Post,
  SetMetadata,
} from '@nestjs/common';
import { GUARDS_METADATA, PATH_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { getRaftLockToken, LeaderOnly, Locked, RaftLockService, RaftModule } from '../../../index';

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

const calls: string[] = [];

@Injectable()
class Invoices {
  /** Found without the decorator's help, to compare. */
  constructor(private readonly locks: RaftLockService) {}

  @Locked((id: string) => `invoice:${id}`, { ttlMs: 5_000, waitMs: 0 })
  async pay(id: string, until: Promise<unknown> = Promise.resolve()): Promise<string> {
    calls.push(`pay ${id}`);
    const { key, token } = this.locks.current()!;
    await until;
    return `${key} at ${token > 0 ? 'a token' : 'none'}`;
  }

  @Locked('one-at-a-time')
  async fail(): Promise<never> {
    throw new Error('of the method');
  }

  @Locked(function (this: Invoices, id: string) {
    return this.keyOf(id);
  })
  async keyed(_id: string): Promise<string> {
    return this.locks.current()!.key;
  }

  keyOf(id: string): string {
    return `by-instance:${id}`;
  }
}

/** Decorators stand below and above the lock. */
@Controller('invoices')
class InvoicesController {
  constructor(private readonly locks: RaftLockService) {}

  @Post(':id/above')
  @SetMetadata('above', 1)
  @LeaderOnly()
  @Locked((id: string) => `route:${id}`)
  async above(@Param('id') id: string, @Body() body: { readonly sum: number }): Promise<object> {
    return { id, sum: body.sum, key: this.locks.current()?.key };
  }

  @Locked((id: string) => `route:${id}`, { waitMs: 0 })
  @Get(':id/below')
  @SetMetadata('below', 2)
  async below(@Param('id') id: string): Promise<object> {
    return { id, key: this.locks.current()?.key };
  }
}

@Injectable()
class Jobs {
  readonly keys: unknown[] = [];
  constructor(private readonly locks: RaftLockService) {}

  @Locked('job')
  @Cron('0 0 1 1 *', { name: 'yearly' })
  async yearly(): Promise<void> {
    this.keys.push(this.locks.current()?.key);
  }

  @OnEvent('order.placed')
  @Locked((order: { readonly id: string }) => `order:${order.id}`)
  async placed(_order: { readonly id: string }): Promise<void> {
    this.keys.push(this.locks.current()?.key);
  }
}

class PaidInvoices extends Invoices {}

async function start(): Promise<INestApplication> {
  const module = await Test.createTestingModule({
    imports: [RaftModule.forRoot(), ScheduleModule.forRoot(), EventEmitterModule.forRoot()],
    controllers: [InvoicesController],
    providers: [Invoices, PaidInvoices, Jobs],
  })
    .setLogger(SILENT)
    .compile();
  const app = module.createNestApplication();
  await app.listen(0, '127.0.0.1');
  await app.get(RaftLockService).run('warm', { waitMs: 5_000 }, () => undefined);
  return app;
}

describe('@Locked', () => {
  let app: INestApplication;
  beforeAll(async () => {
    app = await start();
  });
  afterAll(() => app.close());

  it('runs a method that other code calls under the lock of its arguments, one call at a time', async () => {
    const invoices = app.get(Invoices);
    let finish: (value: unknown) => void = () => undefined;
    const first = invoices.pay('7', new Promise((resolve) => (finish = resolve)));
    while (!calls.includes('pay 7')) await new Promise((resolve) => setImmediate(resolve));

    await expect(invoices.pay('7')).rejects.toMatchObject({ code: 'RAFT_LOCKED' });
    expect(await invoices.pay('8')).toBe('invoice:8 at a token');
    finish(undefined);

    expect(await first).toBe('invoice:7 at a token');
    expect(calls).toEqual(['pay 7', 'pay 8']);
    expect(await invoices.pay('7')).toBe('invoice:7 at a token');
  });

  it("passes the method's own error on, and releases the lock", async () => {
    await expect(app.get(Invoices).fail()).rejects.toThrow('of the method');
    expect(await app.get(RaftLockService).status('one-at-a-time')).toEqual({ holders: [], waiting: 0 });
  });

  it('makes the key with the instance as this, also in a class that inherits the method', async () => {
    expect(await app.get(PaidInvoices).keyed('3')).toBe('by-instance:3');
  });

  it('covers routes, with what other decorators say above and below it', async () => {
    const url = await app.getUrl();
    const above = await fetch(`${url}/invoices/5/above`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"sum":12}',
    });
    expect(await above.json()).toEqual({ id: '5', sum: 12, key: 'route:5' });
    expect(await (await fetch(`${url}/invoices/6/below`)).json()).toEqual({ id: '6', key: 'route:6' });

    const lock = await app.get(RaftLockService).acquire('route:6');
    const locked = await fetch(`${url}/invoices/6/below`);
    expect(locked.status).toBe(423);
    expect(locked.headers.get('retry-after')).not.toBeNull();
    expect(await locked.json()).toMatchObject({ code: 'RAFT_LOCKED' });
    await lock.release();
  });

  it('covers @Cron and @OnEvent, whichever stands first', async () => {
    await app.get(SchedulerRegistry).getCronJob('yearly').fireOnTick();
    await app.get(EventEmitter2).emitAsync('order.placed', { id: 'o1' });
    expect(app.get(Jobs).keys).toEqual(['job', 'order:o1']);
  });

  it("keeps the method's name, length and metadata, and the parameters' metadata of its class", () => {
    const { above, below } = InvoicesController.prototype;
    expect([above.name, above.length, below.name, below.length]).toEqual(['above', 2, 'below', 1]);
    expect(Reflect.getMetadata('above', above)).toBe(1);
    expect(Reflect.getMetadata('below', below)).toBe(2);
    expect(Reflect.getMetadata(PATH_METADATA, below)).toBe(':id/below');
    expect(Reflect.getMetadata(GUARDS_METADATA, above)).toHaveLength(1);
    expect(Object.keys(Reflect.getMetadata(ROUTE_ARGS_METADATA, InvoicesController, 'above') as object)).toHaveLength(
      2,
    );
    expect(Reflect.getMetadata('design:paramtypes', InvoicesController.prototype, 'below')).toEqual([String]);
  });

  it('keeps applications in one process apart', async () => {
    const other = await start();
    try {
      const lock = await app.get(RaftLockService).acquire('invoice:1');
      expect(await other.get(Invoices).pay('1')).toContain('invoice:1');
      await expect(app.get(Invoices).pay('1')).rejects.toMatchObject({ code: 'RAFT_LOCKED' });
      await lock.release();
    } finally {
      await other.close();
    }
  });

  it('says what to do where Nest has not made the instance', async () => {
    const invoices = new Invoices({} as RaftLockService);
    await expect(invoices.pay('1')).rejects.toThrow(
      "Invoices.pay has @Locked(), and its Invoices was not made by Nest, or is not 'this': the lock could not be asked for, and the method was not called.",
    );
  });

  it('takes the locks of another group where it is told to', async () => {
    @Injectable()
    class Billing {
      @Locked('bill', { group: 'billing' })
      async bill(): Promise<string> {
        return 'billed';
      }
    }
    const asked: string[] = [];
    const module = await Test.createTestingModule({
      providers: [
        Billing,
        {
          provide: getRaftLockToken('billing'),
          useValue: { run: (key: string, _options: object, work: () => unknown) => (asked.push(key), work()) },
        },
      ],
    }).compile();
    expect(await module.get(Billing).bill()).toBe('billed');
    expect(asked).toEqual(['bill']);
  });

  it('is a compile error on a method whose result cannot be waited for, and with a key of other arguments', () => {
    class Wrong {
      // @ts-expect-error its callers would get a Promise where they expect a number
      @Locked('a')
      now(): number {
        return 1;
      }

      // @ts-expect-error the key is made of a number, and the method gets a text
      @Locked((id: number) => String(id))
      async byText(id: string): Promise<string> {
        return id;
      }
    }
    expect(new Wrong()).toBeInstanceOf(Wrong);
  });
});
