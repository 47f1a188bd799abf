import {
  createReplicated,
  StateMachineHost,
  type LeaderRun,
  type RaftMachineEvent,
  type Replicated,
} from 'nestjs-raft';
import { Subject } from 'rxjs';
import { RaftError } from '../../libs/raft/src/errors/raft-error';
import { SeededRandom } from '../../libs/raft/src/core/base/random';
import type { DuePolicy } from '../../libs/raft/src/nest/jobs/schedule/due-runs';
import { JobMachine } from '../../libs/raft/src/nest/jobs/machine/job.machine';
import { IntervalSchedule, type JobSchedule } from '../../libs/raft/src/nest/jobs/schedule/job-schedule';
import type { LeaderJob } from '../../libs/raft/src/nest/jobs/leader-job';
import { LeaderJobs } from '../../libs/raft/src/nest/jobs/leader-jobs';
import { RaftJobsService } from '../../libs/raft/src/nest/jobs/raft-jobs.service';
import { LeadershipTerms } from '../../libs/raft/src/nest/leadership/leadership-terms';
import { MachineClock, SimulatedScheduler } from '../../libs/raft/src/testing/simulator/simulated/simulated-scheduler';
import { SimulatedProcess } from '../../libs/raft/src/testing/simulator/simulated/simulated-process';
import { VirtualCluster, type VirtualNode } from '../runtime/virtual-cluster';

/** A run as the job's method saw it. */
export interface SeenRun extends LeaderRun {
  readonly node: string;
  /** True time, which no node knows. */
  readonly beganMs: number;
  endedMs: number | undefined;
}

/** What the job does, beside being seen. */
export type Work = (run: LeaderRun, node: JobNode) => Promise<void> | void;

type LongWork = (run: LeaderRun, node: JobNode) => Promise<void>;

export interface JobNode {
  readonly name: string;
  readonly node: VirtualNode;
  readonly caller: Replicated<JobMachine>;
  readonly process: SimulatedProcess;
  readonly scheduler: SimulatedScheduler;
  readonly service: RaftJobsService;
  readonly jobs: LeaderJobs;
  readonly terms: LeadershipTerms;
  readonly logged: string[];
}

export interface JobSettings {
  readonly schedule?: JobSchedule;
  readonly policy?: Partial<DuePolicy>;
  readonly atLeastOnce?: boolean;
  readonly gracePeriodMs?: number;
  readonly work?: Work;
  /** No leader gets its jobs announced before {@link JobCluster.holdsAnnouncements} is set to false. */
  readonly holdsAnnouncements?: boolean;
  /** How far each node's wall clock is off, in milliseconds. */
  readonly offsets?: readonly number[];
}

export const JOB = 'every-second';

/** A cluster in virtual time, on whose nodes stands an application with one job. */
export class JobCluster {
  readonly nodes: JobNode[] = [];
  readonly seen: SeenRun[] = [];
  /** What is proposed is applied, and nobody gets the answer. */
  losesAnswers = false;
  holdsAnnouncements: boolean;
  private readonly random = new SeededRandom(5);

  private constructor(
    readonly cluster: VirtualCluster,
    private readonly settings: JobSettings,
  ) {
    this.holdsAnnouncements = settings.holdsAnnouncements ?? false;
  }

  static async start(settings: JobSettings = {}): Promise<JobCluster> {
    const started = new JobCluster(new VirtualCluster(3), settings);
    for (const { id } of started.cluster.founders) started.nodes.push(started.make(id));
    await started.cluster.ends(Promise.all(started.nodes.map(({ node }) => node.raft.start())));
    await started.cluster.leaderKnown();
    return started;
  }

  get leader(): JobNode {
    return this.nodes.find(({ node }) => node.raft.status().isLeader)!;
  }

  get followers(): readonly JobNode[] {
    return this.nodes.filter(({ node }) => !node.raft.status().isLeader);
  }

  pass(ms: number): Promise<void> {
    return this.cluster.pass(ms);
  }

  ends<T>(work: Promise<T>): Promise<T> {
    return this.cluster.ends(work);
  }

  /** SIGKILL of the node and of its application. */
  async kill(killed: JobNode): Promise<void> {
    this.nodes.splice(this.nodes.indexOf(killed), 1);
    killed.process.crash();
    for (const run of this.seen) if (run.node === killed.name) run.endedMs ??= this.cluster.time.nowMs;
    await this.cluster.kill(killed.node);
  }

  async restart(name: string): Promise<void> {
    const node = this.make(name);
    this.nodes.push(node);
    await this.cluster.ends(node.node.raft.start());
  }

  /** As the application does it: what only a leader may do ends first, and is recorded. */
  async shutDown(stopped: JobNode): Promise<void> {
    stopped.terms.close(new RaftError('RAFT_SHUTTING_DOWN', 'This node is being stopped.'));
    await this.ends(stopped.jobs.finished());
    this.nodes.splice(this.nodes.indexOf(stopped), 1);
    await this.ends(stopped.node.raft.stop());
    this.cluster.nodes.delete(stopped.name);
  }

  async stop(): Promise<void> {
    for (const { terms } of this.nodes) terms.close(new RaftError('RAFT_SHUTTING_DOWN', 'The test has ended.'));
    await this.cluster.stopAll();
  }

  private make(name: string): JobNode {
    const offset = this.settings.offsets?.[Number(name.slice(1)) - 1] ?? 0;
    const process = new SimulatedProcess(this.cluster.time, `${name}, its application`, () => undefined);
    const clock = new MachineClock(this.cluster.time, 1, 0, offset);
    const scheduler = new SimulatedScheduler(process, clock, new SeededRandom(this.random.nextUint32()));
    const events = new Subject<RaftMachineEvent>();
    const stateMachine = new StateMachineHost([new JobMachine()], { onEvent: (_machine, event) => events.next(event) });
    const node = this.cluster.make(name, { stateMachine, scheduler });
    const caller = createReplicated<JobMachine>(JobMachine, {
      propose: async (command, options) => {
        const answer = await node.raft.propose(command, options);
        if (this.losesAnswers) throw new RaftError('RAFT_TIMEOUT', 'The answer was lost.');
        return answer;
      },
      query: (query, options) => node.raft.query(query, options),
    });
    const terms = new LeadershipTerms();
    node.raft.onStatus((status) => terms.changed(status));
    const logged: string[] = [];
    const log = (message: string): void => void logged.push(message);
    const job = this.jobOf(() => made);
    const logger = { warn: log, error: log };
    const announcing = new Proxy(caller, {
      get: (of, method): unknown =>
        method === 'announce' && this.holdsAnnouncements
          ? () => Promise.reject(new RaftError('RAFT_NOT_STARTED', 'Announcements are held up.'))
          : Reflect.get(of, method),
    });
    const jobs = new LeaderJobs({
      jobs: [job],
      caller: announcing,
      events,
      leaderships: terms.changes,
      scheduler,
      logger,
    });
    const service = new RaftJobsService(caller, (of) => jobs.scheduleOf(of), scheduler, 2_000);
    const made: JobNode = { name, node, caller, process, scheduler, service, jobs, terms, logged };
    jobs.start();
    return made;
  }

  private jobOf(node: () => JobNode): LeaderJob {
    const {
      schedule = new IntervalSchedule(1_000),
      policy,
      atLeastOnce = false,
      gracePeriodMs = 200,
      work,
    } = this.settings;
    return {
      name: JOB,
      where: 'Work.everySecond',
      schedule,
      policy: { catchUp: 'none', skipIfOlderThanMs: Infinity, ...policy },
      atLeastOnce,
      gracePeriodMs,
      call: async (run) => {
        const seen: SeenRun = { ...run, node: node().name, beganMs: this.cluster.time.nowMs, endedMs: undefined };
        this.seen.push(seen);
        try {
          await work?.(run, node());
        } finally {
          seen.endedMs = this.cluster.time.nowMs;
        }
      },
    };
  }
}

/** Works for so long, whatever its signal says. */
export function lasting(ms: number): LongWork {
  return (_run, { scheduler }) => new Promise((resolve) => void scheduler.setTimer(ms, resolve));
}

/** Works for so long, or until its signal fires. */
export function heeding(ms: number): LongWork {
  return ({ signal }, { scheduler }) =>
    new Promise((resolve, reject) => {
      scheduler.setTimer(ms, resolve);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
}
