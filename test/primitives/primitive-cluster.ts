import { createReplicated, RaftError, StateMachineHost, type RaftMachineEvent, type Replicated } from 'nestjs-raft';
import { BehaviorSubject, Subject } from 'rxjs';
import { SeededRandom } from '../../libs/raft/src/core/base/random';
import { ExpiryDriver } from '../../libs/raft/src/nest/primitives/shared/expiry-driver';
import type { ExpiringMachine } from '../../libs/raft/src/nest/primitives/shared/expiring-machine';
import type { PrimitiveParts } from '../../libs/raft/src/nest/common/primitive';
import { MachineClock, SimulatedScheduler } from '../../libs/raft/src/testing/simulator/simulated/simulated-scheduler';
import { SimulatedProcess } from '../../libs/raft/src/testing/simulator/simulated/simulated-process';
import { VirtualCluster, type VirtualNode } from '../runtime/virtual-cluster';

/** What an application on one node has of one kind of primitive. */
export interface PrimitiveNode<T extends object> {
  readonly name: string;
  readonly node: VirtualNode;
  readonly caller: Replicated<T>;
  readonly events: Subject<RaftMachineEvent>;
  /** The application's timers alone: pausing it leaves the node running. */
  readonly application: SimulatedProcess;
  readonly scheduler: SimulatedScheduler;
  readonly parts: PrimitiveParts;
  readonly warnings: string[];
  /** Has the answers of so many proposals lost on their way. */
  readonly losing: { answers: number };
}

/** Nodes of a cluster in virtual time, each with one machine and the driver of its expiries. */
export class PrimitiveCluster<T extends ExpiringMachine> {
  readonly nodes: PrimitiveNode<T>[] = [];
  readonly proposals = { count: 0 };
  private readonly random = new SeededRandom(5);

  private constructor(
    readonly cluster: VirtualCluster,
    private readonly machine: new () => T,
  ) {}

  static async start<T extends ExpiringMachine>(machine: new () => T, size = 3): Promise<PrimitiveCluster<T>> {
    const started = new PrimitiveCluster(new VirtualCluster(size), machine);
    const { cluster } = started;
    for (const { id } of cluster.founders) started.nodes.push(started.make(id));
    await cluster.ends(Promise.all(started.nodes.map(({ node }) => node.raft.start())));
    await cluster.leaderKnown();
    return started;
  }

  get leader(): PrimitiveNode<T> {
    return this.nodes.find(({ node }) => node.raft.status().isLeader)!;
  }

  get followers(): readonly PrimitiveNode<T>[] {
    return this.nodes.filter(({ node }) => !node.raft.status().isLeader);
  }

  pass(ms: number): Promise<void> {
    return this.cluster.pass(ms);
  }

  ends<R>(work: Promise<R>, limitMs?: number): Promise<R> {
    return this.cluster.ends(work, limitMs);
  }

  async kill(killed: PrimitiveNode<T>): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(killed), 1);
    killed.application.crash();
    await this.cluster.kill(killed.node);
  }

  stop(): Promise<void> {
    return this.cluster.stopAll();
  }

  private make(name: string): PrimitiveNode<T> {
    const events = new Subject<RaftMachineEvent>();
    const host = new StateMachineHost([new this.machine()], { onEvent: (_machine, event) => events.next(event) });
    const node = this.cluster.make(name, { stateMachine: host });
    const application = new SimulatedProcess(this.cluster.time, `${name}, its application`, () => undefined);
    const clock = new MachineClock(this.cluster.time, 1, 0, 0);
    const scheduler = new SimulatedScheduler(application, clock, new SeededRandom(this.random.nextUint32()));
    const losing = { answers: 0 };
    const caller = createReplicated<T>(this.machine, {
      propose: (command, options) => {
        this.proposals.count++;
        const answer = node.raft.propose(command, options);
        if (losing.answers === 0) return answer;
        losing.answers--;
        answer.catch(() => undefined);
        return new Promise((_resolve, reject) => {
          const late = (): void => reject(new RaftError('RAFT_TIMEOUT', 'the answer was lost'));
          scheduler.setTimer(options.timeoutMs ?? 10_000, late);
        });
      },
      query: (query, options) => node.raft.query(query, options),
    });
    const warnings: string[] = [];
    const logger = { warn: (message: string) => void warnings.push(message) };
    this.drive(node, events, clock, caller as unknown as Replicated<ExpiringMachine>);
    const parts: PrimitiveParts = { caller, events, scheduler, logger };
    return { name, node, caller, events, application, scheduler, parts, warnings, losing };
  }

  private drive(
    node: VirtualNode,
    events: Subject<RaftMachineEvent>,
    clock: MachineClock,
    caller: Replicated<ExpiringMachine>,
  ): void {
    const isLeader = new BehaviorSubject(false);
    node.raft.onStatus((status) => {
      if (status.isLeader !== isLeader.value) isLeader.next(status.isLeader);
    });
    new ExpiryDriver({
      machine: { dueAt: () => caller.$stale().dueAt(), expire: () => caller.expire() },
      events,
      isLeader,
      scheduler: new SimulatedScheduler(node.process, clock, new SeededRandom(1)),
      logger: { warn: () => undefined },
    }).start();
  }
}
