import { Injectable, Module, type BeforeApplicationShutdown, type LoggerService } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { firstValueFrom, toArray } from 'rxjs';
import { RaftError } from '../../errors/raft-error';
import type { RaftStatus } from '../../runtime/status/status';
import { memoryStorage } from '../../storage/memory';
import type { HostedNode } from './hosted-node.interface';
import { initialStatus } from './initial-status';
import { RaftModule } from '../module/raft.module';
import { RaftService } from '../services/raft.service';
import { raftSettings } from '../common/raft-settings';
import { RAFT_NODE_FACTORY } from '../common/raft.tokens';
import { ShutdownHooksWarning } from './shutdown-hooks-warning';

const SILENT: LoggerService = { log: () => undefined, warn: () => undefined, error: () => undefined };

/** A node that starts and stops as the test wants, and notes what it is asked. */
class PretendedNode implements HostedNode {
  readonly asked: string[] = [];
  starting: () => Promise<void> = () => Promise.resolve();
  stopping: () => Promise<void> = () => Promise.resolve();
  private current: RaftStatus = initialStatus(raftSettings({}, 'default'));
  private listener: (status: RaftStatus) => void = () => undefined;

  start(): Promise<void> {
    this.asked.push('start');
    return this.starting();
  }

  stop(): Promise<void> {
    this.asked.push('stop');
    return this.stopping();
  }

  becomes(change: Partial<RaftStatus>): void {
    this.current = { ...this.current, ...change };
    this.listener(this.current);
  }

  propose(): Promise<never> {
    return Promise.reject(new RaftError('RAFT_NO_LEADER', 'it is only pretended'));
  }

  query(): Promise<never> {
    return this.propose();
  }

  openSession(): Promise<never> {
    return this.propose();
  }

  resumeSession(): never {
    throw new RaftError('RAFT_NO_LEADER', 'it is only pretended');
  }

  sessions(): never {
    throw new Error('not asked for');
  }

  closeSession(): never {
    throw new Error('not asked for');
  }

  members(): never {
    throw new RaftError('RAFT_NO_LEADER', 'it is only pretended');
  }

  changeMembership(): Promise<never> {
    return this.propose();
  }

  addMember(): Promise<never> {
    return this.propose();
  }

  promote(): Promise<never> {
    return this.propose();
  }

  repair(): Promise<never> {
    return this.propose();
  }

  remove(): Promise<never> {
    return this.propose();
  }

  cancelMembershipChange(): Promise<never> {
    return this.propose();
  }

  updateAddress(): Promise<never> {
    return this.propose();
  }

  transferLeadership(): Promise<never> {
    return this.propose();
  }

  snapshot(): Promise<never> {
    return this.propose();
  }

  barrier(): Promise<number> {
    this.asked.push('barrier');
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

async function compile(node: PretendedNode, modules: object[] = [], shutdownTimeoutMs = 50): Promise<TestingModule> {
  return Test.createTestingModule({ imports: [RaftModule.forRoot({ shutdownTimeoutMs }), ...(modules as never[])] })
    .overrideProvider(RAFT_NODE_FACTORY)
    .useValue(() => node)
    .setLogger(SILENT)
    .compile();
}

describe('the node in the life of its application', () => {
  it('starts in onApplicationBootstrap, and not before', async () => {
    const node = new PretendedNode();
    const app = await compile(node);
    expect(node.asked).toEqual([]);

    await app.init();

    expect(node.asked).toEqual(['start']);
    await app.close();
  });

  it('stops once, while what the application has open is open still', async () => {
    const node = new PretendedNode();
    const order: string[] = [];
    @Injectable()
    class Database implements BeforeApplicationShutdown {
      beforeApplicationShutdown(): void {
        order.push(`before: ${node.asked.join()}`);
      }

      onApplicationShutdown(): void {
        order.push(`closed: ${node.asked.join()}`);
      }
    }
    @Module({ providers: [Database] })
    class DatabaseModule {}
    const app = await compile(node, [DatabaseModule]);
    await app.init();

    await app.close();

    expect(order.at(-1)).toBe('closed: start,stop');
    expect(node.asked).toEqual(['start', 'stop']);
  });

  it("refuses calls from the stop's beginning on", async () => {
    const node = new PretendedNode();
    let stopped: () => void = () => undefined;
    node.stopping = () => new Promise<void>((resolve) => (stopped = resolve));
    const app = await compile(node);
    await app.init();
    const raft = app.get(RaftService);
    node.becomes({ isLeader: true });
    expect(raft.isLeader()).toBe(true);

    const closing = app.close();
    while (!node.asked.includes('stop')) await new Promise((resolve) => setTimeout(resolve, 1));
    await expect(raft.barrier()).rejects.toMatchObject({ code: 'RAFT_SHUTTING_DOWN', notApplied: true });
    stopped();
    await closing;

    expect(raft.isLeader()).toBe(false);
    // Who comes late gets the last state, and the end.
    expect(await firstValueFrom(raft.status$.pipe(toArray()))).toMatchObject([{ isLeader: false }]);
  });

  it('lets the application end where the node hangs in its stop, or fails at it', async () => {
    for (const stopping of [
      () => new Promise<void>(() => undefined),
      () => Promise.reject(new Error('no connection')),
    ]) {
      const node = new PretendedNode();
      node.stopping = stopping;
      const app = await compile(node);
      await app.init();

      await app.close();
    }
  });

  it('tells of a start under way, and takes no calls yet', async () => {
    const node = new PretendedNode();
    const app = await compile(node);
    const raft = app.get(RaftService);
    node.starting = async () => {
      node.becomes({ phase: 'starting' });
      expect(raft.status().phase).toBe('starting');
      await expect(raft.barrier()).rejects.toMatchObject({ code: 'RAFT_NOT_STARTED' });
    };

    await app.init();

    expect(await raft.barrier()).toBe(1);
    await app.close();
  });

  it('gives up what it has opened where the start fails, and lets the sentence through', async () => {
    const node = new PretendedNode();
    node.starting = () => Promise.reject(new RaftError('RAFT_STORAGE', 'another process owns the store'));
    const app = await compile(node);

    await expect(app.init()).rejects.toThrow('another process owns the store');

    expect(node.asked).toEqual(['start', 'stop']);
  });

  it('tells of the leader once for each, and of leading once for each change', async () => {
    const node = new PretendedNode();
    const app = await compile(node);
    await app.init();
    const raft = app.get(RaftService);
    const leaders = firstValueFrom(raft.leader$.pipe(toArray()));
    const leading = firstValueFrom(raft.isLeader$.pipe(toArray()));
    const leader = (id: number) => ({ id, name: `n${id}`, peer: `n${id}:1`, http: '' });

    node.becomes({ leader: leader(1) });
    node.becomes({ leader: leader(1), term: 2 });
    node.becomes({ leader: leader(2), isLeader: true });
    node.becomes({ leader: leader(2), isLeader: true, commitIndex: 9 });
    await app.close();

    expect((await leaders).map((each) => each?.name)).toEqual([undefined, 'n1', 'n2']);
    expect((await leading).slice(0, 2)).toEqual([false, true]);
  });
});

describe('the warning of missing shutdown hooks', () => {
  const said: string[] = [];
  const warning = (): ShutdownHooksWarning => new ShutdownHooksWarning({ warn: (text: string) => said.push(text) });
  const hook = (): void => undefined;

  beforeEach(() => {
    said.length = 0;
    jest.useFakeTimers();
  });

  afterEach(() => {
    jest.useRealTimers();
    process.removeListener('SIGTERM', hook);
  });

  it('comes where nothing hears the signal', () => {
    warning().arm();
    jest.runAllTimers();

    expect(said).toEqual([expect.stringContaining('app.enableShutdownHooks()')]);
  });

  it('does not come where something does, also if that came after the start', () => {
    warning().arm();
    process.on('SIGTERM', hook);
    jest.runAllTimers();

    expect(said).toEqual([]);
  });

  it('does not come where the application has ended', () => {
    const armed = warning();
    armed.arm();
    armed.disarm();
    jest.runAllTimers();

    expect(said).toEqual([]);
  });

  it('is not armed for a node in memory by default, which has nothing to lose', async () => {
    jest.useRealTimers();
    const arm = jest.spyOn(ShutdownHooksWarning.prototype, 'arm');
    const inMemory = await compile(new PretendedNode());
    await inMemory.init();
    await inMemory.close();
    expect(arm).not.toHaveBeenCalled();

    const stored = await Test.createTestingModule({ imports: [RaftModule.forRoot({ storage: memoryStorage() })] })
      .setLogger(SILENT)
      .compile();
    await stored.init();
    await stored.close();
    expect(arm).toHaveBeenCalledTimes(1);
    arm.mockRestore();
  });
});
