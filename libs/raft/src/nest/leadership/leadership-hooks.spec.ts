import { Controller, Injectable, Module, Scope, type LoggerService, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { firstValueFrom, toArray } from 'rxjs';
import { isRaftError, type RaftError } from '../../errors/raft-error';
import type { RaftStatus } from '../../runtime/status/status';
import type { HostedNode } from '../node/hosted-node.interface';
import { initialStatus } from '../node/initial-status';
import { RaftModule } from '../module/raft.module';
import { RaftService } from '../services/raft.service';
import { raftSettings } from '../common/raft-settings';
import { RAFT_NODE_FACTORY } from '../common/raft.tokens';
import type { Leadership } from './leadership.interface';
import { OnLeadershipAcquired } from './on-leadership-acquired.decorator';
import { OnLeadershipLost } from './on-leadership-lost.decorator';

/** A node that leads as the test wants. */
class PretendedNode implements Pick<HostedNode, 'start' | 'stop' | 'status' | 'onStatus' | 'barrier'> {
  stopped = false;
  private current: RaftStatus = { ...initialStatus(raftSettings({}, 'default')), phase: 'running', clusterId: 'c1' };
  private listener: (status: RaftStatus) => void = () => undefined;

  leads(term: number): void {
    this.becomes({ isLeader: true, role: 'leader', term });
  }

  follows(term: number, name = 'n2'): void {
    this.becomes({
      isLeader: false,
      role: 'follower',
      term,
      leader: { id: 2, name, peer: `${name}:7001`, http: `http://${name}:3000` },
    });
  }

  becomes(change: Partial<RaftStatus>): void {
    this.current = { ...this.current, ...change };
    this.listener(this.current);
  }

  starting: Promise<void> = Promise.resolve();

  start(): Promise<void> {
    return this.starting;
  }

  stop(): Promise<void> {
    this.stopped = true;
    return Promise.resolve();
  }

  barrier(): Promise<number> {
    return Promise.resolve(1);
  }

  status(): RaftStatus {
    return this.current;
  }

  onStatus(listener: (status: RaftStatus) => void): () => void {
    this.listener = listener;
    return () => undefined;
  }
}

/** What is written to the log. */
class Heard implements LoggerService {
  readonly lines: string[] = [];
  log(): void {}
  warn(message: string): void {
    this.lines.push(message);
  }
  error(message: string): void {
    this.lines.push(message);
  }
}

/** Until everything that is ready to go on has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('leadership hooks', () => {
  const node = { current: new PretendedNode() };
  const heard = { current: new Heard() };
  const opened: TestingModule[] = [];

  async function start(
    parts: { readonly providers?: Type[]; readonly controllers?: Type[] },
    shutdownTimeoutMs = 40,
    pretended = new PretendedNode(),
  ): Promise<TestingModule> {
    node.current = pretended;
    heard.current = new Heard();
    @Module({ ...parts })
    class FeatureModule {}
    const app = await Test.createTestingModule({ imports: [RaftModule.forRoot({ shutdownTimeoutMs }), FeatureModule] })
      .overrideProvider(RAFT_NODE_FACTORY)
      .useValue(() => node.current)
      .setLogger(heard.current)
      .compile();
    await app.init();
    opened.push(app);
    return app;
  }

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((app) => app.close()));
  });

  it('call methods of providers and of controllers with term, token and signal, and tell them of the end', async () => {
    const told: string[] = [];
    const given: Leadership[] = [];
    @Injectable()
    class MailService {
      @OnLeadershipAcquired()
      acquired(leadership: Leadership): void {
        given.push(leadership);
        told.push(`mail ${leadership.term}`);
      }

      @OnLeadershipLost()
      lost({ term, signal }: Leadership): void {
        told.push(`mail lost ${term} ${String(signal.aborted)}`);
      }
    }
    @Controller()
    class StatusController {
      @OnLeadershipAcquired()
      acquired(): void {
        told.push('controller');
      }
    }
    await start({ providers: [MailService], controllers: [StatusController] });

    node.current.leads(3);
    await settled();
    expect(told).toEqual(['mail 3', 'controller']);
    expect(given[0]).toMatchObject({ group: 'default', clusterId: 'c1', nodeId: 'node1', term: 3, token: 3 });
    expect(given[0]?.signal.aborted).toBe(false);

    node.current.follows(4);
    expect(given[0]?.signal.aborted).toBe(true);
    expect(given[0]?.signal.reason).toMatchObject({ code: 'RAFT_NOT_LEADER', leader: { name: 'n2' } });
    await settled();
    expect(told).toEqual(['mail 3', 'controller', 'mail lost 3 true']);
  });

  it('are not called for an elected leader that has committed nothing in its term yet', async () => {
    const told: number[] = [];
    @Injectable()
    class MailService {
      @OnLeadershipAcquired()
      acquired({ term }: Leadership): void {
        told.push(term);
      }
    }
    await start({ providers: [MailService] });

    node.current.becomes({ role: 'leader', term: 2, isLeader: false });
    await settled();
    expect(told).toEqual([]);
    node.current.leads(2);
    node.current.leads(2);
    await settled();
    expect(told).toEqual([2]);
  });

  it('never overlap: the next term waits for acquired methods that wind up, and for lost ones', async () => {
    const told: string[] = [];
    let wound: () => void = () => undefined;
    @Injectable()
    class MailService {
      @OnLeadershipAcquired()
      async acquired({ term, signal }: Leadership): Promise<void> {
        told.push(`begin ${term}`);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => (wound = resolve)));
        told.push(`end ${term}`);
      }

      @OnLeadershipLost()
      async lost({ term }: Leadership): Promise<void> {
        await settled();
        told.push(`lost ${term}`);
      }
    }
    await start({ providers: [MailService] }, 5_000);

    node.current.leads(1);
    await settled();
    // A status in between was never seen.
    node.current.leads(2);
    node.current.follows(3);
    node.current.leads(4);
    await settled();
    expect(told).toEqual(['begin 1']);

    wound();
    await settled();
    await settled();
    await settled();
    expect(told).toEqual(['begin 1', 'end 1', 'lost 1', 'begin 4']);
    node.current.follows(5);
    wound();
  });

  it('call the lost methods although an acquired one ignores the signal, name it, and give it no second leadership', async () => {
    const told: string[] = [];
    @Injectable()
    class StuckService {
      @OnLeadershipAcquired()
      acquired({ term }: Leadership): Promise<void> {
        told.push(`stuck ${term}`);
        return new Promise(() => undefined);
      }

      @OnLeadershipLost()
      lost({ term }: Leadership): void {
        told.push(`lost ${term}`);
      }
    }
    @Injectable()
    class OtherService {
      @OnLeadershipAcquired()
      acquired({ term }: Leadership): void {
        told.push(`other ${term}`);
      }
    }
    await start({ providers: [StuckService, OtherService] }, 20);

    node.current.leads(1);
    await settled();
    node.current.follows(2);
    while (!told.includes('lost 1')) await settled();
    node.current.leads(3);
    await settled();

    expect(told).toEqual(['stuck 1', 'other 1', 'lost 1', 'other 3']);
    expect(heard.current.lines).toContain(
      'StuckService.acquired() has not returned 10 ms after the leadership of term 1 ended. This provider is told about no other leadership until it does. Let it return when leadership.signal fires.',
    );
  });

  it('log what a method throws, call the others, and take the thrown reason of the signal for an end', async () => {
    const told: string[] = [];
    @Injectable()
    class MailService {
      @OnLeadershipAcquired()
      broken(): void {
        throw new Error('no address');
      }

      @OnLeadershipAcquired()
      async waits({ signal }: Leadership): Promise<void> {
        told.push('waits');
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        signal.throwIfAborted();
      }

      @OnLeadershipLost()
      lost(): Promise<void> {
        told.push('lost');
        return Promise.reject(new Error('no end'));
      }
    }
    await start({ providers: [MailService] });

    node.current.leads(7);
    await settled();
    node.current.follows(8);
    await settled();

    expect(told).toEqual(['waits', 'lost']);
    expect(heard.current.lines.filter((line) => line.includes('MailService'))).toEqual([
      'MailService.broken() failed in term 7: Error: no address; it is called again in 500 ms, as long as this leadership lasts',
      'MailService.lost() failed in term 7: Error: no end',
    ]);
  });

  it('call a method that threw again, later each time, until it returns', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      const told: number[] = [];
      @Injectable()
      class MailService {
        @OnLeadershipAcquired()
        acquired(): void {
          told.push(Date.now());
          if (told.length < 4) throw new Error('not yet');
        }
      }
      await start({ providers: [MailService] });
      node.current.leads(3);
      await jest.advanceTimersByTimeAsync(60_000);
      expect(told.map((at) => at - told[0]!)).toEqual([0, 500, 1500, 3500]);
      expect(heard.current.lines.filter((line) => line.includes('MailService'))).toEqual(
        [500, 1000, 2000].map(
          (ms) =>
            `MailService.acquired() failed in term 3: Error: not yet; it is called again in ${ms} ms, as long as this leadership lasts`,
        ),
      );
    } finally {
      jest.useRealTimers();
    }
  });

  it('call no method again whose leadership has ended, and hold up no end while they wait', async () => {
    const told: string[] = [];
    @Injectable()
    class MailService {
      @OnLeadershipAcquired()
      acquired({ term }: Leadership): void {
        told.push(`acquired ${term}`);
        throw new Error('never');
      }

      @OnLeadershipLost()
      lost({ term }: Leadership): void {
        told.push(`lost ${term}`);
      }
    }
    await start({ providers: [MailService] });
    node.current.leads(1);
    await settled();
    node.current.follows(2);
    await settled();
    node.current.leads(3);
    await settled();
    expect(told).toEqual(['acquired 1', 'lost 1', 'acquired 3']);
  });

  it('are called once the node takes calls, also where it led before its start had ended', async () => {
    const told: string[] = [];
    let started: () => void = () => undefined;
    @Injectable()
    class MailService {
      constructor(private readonly raft: RaftService) {}

      @OnLeadershipAcquired()
      async acquired({ term, token }: Leadership): Promise<void> {
        told.push(`${term} ${await this.raft.barrier()} ${this.raft.fence().token === token}`);
      }
    }
    const seen: boolean[] = [];
    node.current = new PretendedNode();
    node.current.starting = new Promise((resolve) => (started = resolve));
    const opening = start({ providers: [MailService] }, 40, node.current);
    await settled();
    await settled();
    node.current.leads(1);
    await settled();
    expect(told).toEqual([]);
    started();
    const app = await opening;
    app.get(RaftService).status$.subscribe(({ isLeader }) => seen.push(isLeader));
    await settled();
    expect(told).toEqual(['1 1 true']);
    expect(seen).toEqual([true]);
    expect(heard.current.lines.filter((line) => line.includes('MailService'))).toEqual([]);
  });

  it('end before the node stops, so that the next leader begins behind them', async () => {
    const told: string[] = [];
    @Injectable()
    class MailService {
      constructor(private readonly raft: RaftService) {}

      @OnLeadershipLost()
      async lost({ signal }: Leadership): Promise<void> {
        // A call to the cluster is still possible here: to say how far it came.
        await this.raft.barrier();
        told.push(`lost, ${(signal.reason as RaftError).code}, the node stopped: ${String(node.current.stopped)}`);
      }
    }
    const app = await start({ providers: [MailService] }, 5_000);
    node.current.leads(1);
    await settled();

    await app.close();

    expect(told).toEqual(['lost, RAFT_SHUTTING_DOWN, the node stopped: false']);
    expect(node.current.stopped).toBe(true);
  });

  it('let the application end although a method never returns', async () => {
    @Injectable()
    class StuckService {
      @OnLeadershipAcquired()
      acquired(): Promise<void> {
        return new Promise(() => undefined);
      }
    }
    const app = await start({ providers: [StuckService] }, 10);
    node.current.leads(1);
    await settled();

    await app.close();

    expect(node.current.stopped).toBe(true);
  });

  it('warn of request-scoped and transient providers, which have no instance to be called', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      @OnLeadershipAcquired()
      acquired(): void {}
    }
    @Injectable({ scope: Scope.TRANSIENT })
    class PerConsumer {
      @OnLeadershipLost()
      lost(): void {}
    }
    await start({ providers: [PerRequest, PerConsumer] });

    expect(heard.current.lines).toEqual([
      expect.stringContaining(
        'PerRequest is request-scoped, itself or by what is injected into it: there is no instance of it that its leadership hooks (acquired) could be called on',
      ),
      expect.stringContaining('PerConsumer is transient: there is no instance of it that its leadership hooks (lost)'),
    ]);
  });

  it('are called once on an instance that stands under two tokens, and only for their groups', async () => {
    const told: string[] = [];
    @Injectable()
    class MailService {
      @OnLeadershipAcquired()
      @OnLeadershipAcquired({ group: 'audit' })
      acquired({ group }: Leadership): void {
        told.push(group);
      }

      @OnLeadershipAcquired({ group: 'audit' })
      other(): void {
        told.push('of the other group only');
      }
    }
    await start({ providers: [MailService, { provide: 'ALIAS', useExisting: MailService } as unknown as Type] });

    node.current.leads(1);
    await settled();

    expect(told).toEqual(['default']);
    expect(() => OnLeadershipLost({ group: 'No Group' })).toThrow(/a group's name is/);
  });

  it('are told by the real node, when it has committed in its term and when it stops', async () => {
    const told: string[] = [];
    @Injectable()
    class MailService {
      constructor(private readonly raft: RaftService) {}

      @OnLeadershipAcquired()
      acquired({ term }: Leadership): void {
        told.push(`acquired ${String(this.raft.isLeader())} ${String(this.raft.fence().token === term)}`);
      }

      @OnLeadershipLost()
      lost(): void {
        told.push('lost');
      }
    }
    const app = await Test.createTestingModule({
      imports: [RaftModule.forRoot({ election: { timeoutMs: 100, heartbeatIntervalMs: 20 } })],
      providers: [MailService],
    })
      .setLogger(new Heard())
      .compile();
    await app.init();
    while (!app.get(RaftService).isLeader()) await settled();
    await settled();
    expect(told).toEqual(['acquired true true']);

    await app.close();
    expect(told).toEqual(['acquired true true', 'lost']);
  });

  describe('RaftService', () => {
    it('gives the leader a token that grows from leader to leader, and refuses others with where the leader is', async () => {
      const app = await start({});
      const raft = app.get(RaftService);
      node.current.leads(3);
      const first = raft.fence();
      node.current.leads(5);
      expect(raft.fence().token).toBeGreaterThan(first.token);
      expect(first.signal.aborted).toBe(true);

      node.current.follows(6);
      expect(refusal(() => raft.fence())).toMatchObject({
        code: 'RAFT_NOT_LEADER',
        leader: { name: 'n2', http: 'http://n2:3000' },
        message:
          'fence() was called on the node node1, which does not lead; n2 does. There is no token, and nothing was done. Do this on n2: @LeaderOnly() brings calls there.',
      });
      node.current.becomes({ role: 'leader', leader: { id: 1, name: 'node1', peer: 'node1:1', http: '' }, term: 7 });
      expect(refusal(() => raft.fence())).toMatchObject({ code: 'RAFT_NOT_LEADER', leader: undefined });

      await app.close();
      expect(refusal(() => raft.fence())).toMatchObject({ code: 'RAFT_SHUTTING_DOWN' });
    });

    it('tells of each leadership and its end, of each state once, and replays the last to late subscribers', async () => {
      const app = await start({});
      const raft = app.get(RaftService);
      const leaderships = firstValueFrom(raft.leadership$.pipe(toArray()));
      const states = firstValueFrom(raft.status$.pipe(toArray()));
      node.current.leads(3);
      node.current.becomes({ commitIndex: 9 });
      node.current.follows(4);
      node.current.leads(5);
      expect((await firstValueFrom(raft.leadership$))?.term).toBe(5);
      await app.close();

      expect((await leaderships).map((each) => each?.term ?? null)).toEqual([null, 3, null, 5, null]);
      expect((await states).map(({ term, isLeader }) => [term, isLeader])).toEqual([
        [0, false],
        [3, true],
        [4, false],
        [5, true],
        [5, false],
      ]);
      expect(await firstValueFrom(raft.leader$)).toMatchObject({ name: 'n2' });
      expect(await firstValueFrom(raft.isLeader$)).toBe(false);
      expect(await firstValueFrom(raft.leadership$)).toBeNull();
    });
  });
});

function refusal(call: () => unknown): RaftError {
  try {
    call();
  } catch (error) {
    if (isRaftError(error)) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
