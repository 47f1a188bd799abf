import type { Entry } from '../../../core/base/entry';
import { DEFAULT_GROUP } from '../../../core/base/types';
import { isRaftError } from '../../../errors/raft-error';
import { raftNodeOptions, type RaftNodeSettings } from '../../../runtime/options/default-options';
import { RaftNode } from '../../../runtime/node/raft-node';
import type { FounderOptions } from '../../../runtime/options/raft-node-options';
import type { RaftLogger } from '../../../runtime/base/logger';
import type { RaftPhase, RaftStatus } from '../../../runtime/status/status';
import type { GroupWrite, SnapshotMetadata } from '../../../storage/contract';
import { StateMachineHost } from '../../../state-machine/host/state-machine-host';
import { Chance } from '../base/chance';
import type { NodeObserver } from './node-observer';
import type { ObservedProcess } from './observed-process';
import { ObservedMachine } from './observed-machine';
import { MemoryDatabase } from '../../memory-rows';
import { RegisterMachine } from '../registers/register-machine';
import { RegisterRows } from '../registers/register-rows';
import type { SeedSettings } from './seed-settings';
import { type DiskContents, SimulatedDisk, termAt } from './simulated-disk';
import type { SimulatedNetwork } from './simulated-network';
import { SimulatedProcess } from './simulated-process';
import { MachineClock, SimulatedScheduler } from './simulated-scheduler';
import { SimulatedStorage, type DiskConditions, type DiskLock } from './simulated-storage';
import { SimulatedTransport } from './simulated-transport';
import type { World } from '../base/world';

/** What all nodes of one simulation have in common. */
export interface NodeSurroundings {
  readonly world: World;
  readonly settings: SeedSettings;
  readonly network: SimulatedNetwork;
  readonly oracle: NodeObserver;
  readonly chance: Chance;
  /** Where a node was started last, or is started next: whoever runs the cluster knows. */
  readonly placeOf: (name: string) => string;
  /** Told before any code of a process runs. */
  readonly entered: () => void;
  /** Told which entries a state machine with a database is handed at once. */
  readonly sliced: (entries: readonly Entry[]) => void;
}

/** One life of a node: the product's own RaftNode and what it stands on. */
export interface NodeLifecycle {
  readonly process: SimulatedProcess;
  readonly raft: RaftNode;
  readonly transport: SimulatedTransport;
  readonly storage: SimulatedStorage;
  readonly observed: ObservedProcess;
  /** Calls that end with the process. */
  readonly ended: Set<() => void>;
  started: boolean;
  /** A successor has its store and its address. */
  zombie: boolean;
}

/** The product's own bound is 5 s. */
const STOPS_WITHIN_MS = 6000;
const JOINING: readonly RaftPhase[] = ['starting', 'joining'];
/** In which share of the nodes, and of their starts, a node was alone for ten thousand elections. */
const LONELY = { nodes: 0.1, starts: 0.3 };
const RESTART_MS = { from: 200, to: 1500 };

/** One node: a machine with a disk and a clock, and the process that runs on it, which whoever runs the cluster restarts. */
export class SimulatedNode {
  readonly disk: SimulatedDisk;
  readonly diskConditions: DiskConditions;
  readonly clock: MachineClock;
  /** A founder's disk is empty, and it doesn't know. */
  wiped = false;
  /** What took the place of its disk is an older copy of it. */
  private rolledBack = false;
  quarantined = false;
  /** Nobody has started it yet: it is no founder. */
  isDormant: boolean;
  private joins: { readonly through: readonly string[]; readonly as: 'voter' | 'learner' } | undefined;
  current: NodeLifecycle | undefined;
  zombie: NodeLifecycle | undefined;
  private readonly lock: DiskLock = { owner: undefined };
  /** Where the registers are, if they are kept in one. */
  private database = new MemoryDatabase();
  private lives = 0;
  private readonly lonely: Chance;
  private readonly lonelyStarts: number;

  constructor(
    readonly name: string,
    private place: string,
    private readonly founders: readonly FounderOptions[],
    private readonly around: NodeSurroundings,
  ) {
    const { world, settings, oracle, chance } = around;
    this.disk = new SimulatedDisk(name, oracle);
    this.lonely = Chance.of(around.network.seed, `lonely elections of ${name}`);
    this.lonelyStarts = this.lonely.happens(LONELY.nodes) ? LONELY.starts : 0;
    this.isDormant = !founders.some(({ id }) => id === name);
    this.diskConditions = { ...settings.disk, away: false, stalledUntilMs: 0 };
    const rate = 1 + chance.uniform(-settings.clockDrift, settings.clockDrift);
    this.clock = new MachineClock(world.time, rate, chance.uniform(0, 1e6), chance.uniform(-500, 500));
  }

  /** Where it is reached. */
  get address(): string {
    return this.place;
  }

  /** From its next start on; it doesn't run. */
  moveTo(address: string): void {
    this.place = address;
  }

  get isUp(): boolean {
    return this.current !== undefined;
  }

  get isLeading(): boolean {
    return this.current?.observed.isLeader ?? false;
  }

  /** Every process that clients may reach: a zombie's connections are still open. */
  get reachable(): readonly NodeLifecycle[] {
    return [this.current, this.zombie].filter((life) => life !== undefined);
  }

  start(): void {
    if (this.current !== undefined || this.isDormant) return;
    if (this.hasUnfinishedInstall) this.around.world.paths.count('started with an unfinished install');
    // While a predecessor still has the disk, nobody else has been alone with it.
    if (this.lonely.happens(this.lonelyStarts) && this.zombie === undefined && this.disk.raiseTerms(10_000))
      this.around.world.paths.count('came back after 10,000 elections');
    const life = this.makeLife();
    this.current = life;
    this.trace('start', 0, () => (this.wiped && !this.rolledBack ? 'with an empty disk' : `batch ${this.lastBatch}`));
    life.process.input(0, () => {
      life.raft.onStatus((status) => this.observe(life, status));
      life.raft.start().then(
        () => (life.started = true),
        (error: unknown) => this.failedToStart(life, error),
      );
    });
  }

  /** SIGKILL. */
  kill(): void {
    if (this.current !== undefined) this.end(this.current);
    this.current = undefined;
  }

  /** SIGTERM; kills it if it doesn't end in time. */
  stop(then: () => void): void {
    const life = this.current;
    if (life === undefined) return;
    const { time, verdict } = this.around.world;
    life.process.input(0, () => {
      life.raft.stop().then(
        () => {
          if (this.current !== life) return;
          this.kill();
          then();
        },
        (error: unknown) => verdict.keep('stopping never fails', `${life.process.label}: ${String(error)}`),
      );
    });
    time.after(STOPS_WITHIN_MS / this.clock.rate, () => {
      if (this.current !== life || life.process.isPaused) return;
      const { label } = life.process;
      verdict.fail('stopping is bounded in time', `${label} still runs after ${STOPS_WITHIN_MS} ms of its clock`);
    });
  }

  /** SIGKILL by whoever watches it, and a new start. */
  restartLater(): void {
    const { time } = this.around.world;
    time.after(this.around.chance.uniform(RESTART_MS.from, RESTART_MS.to), () => this.start());
  }

  /**
   * The machine is out of reach of its database, and another takes its place, unaware of whether it still runs.
   *
   * @param silently nothing tells the process that its store is gone
   */
  leaveZombie(silently: boolean): boolean {
    const life = this.current;
    if (life === undefined || this.zombie !== undefined || !life.started) return false;
    life.zombie = true;
    this.zombie = life;
    this.current = undefined;
    if (silently) life.storage.fallSilent();
    else life.storage.cutSession();
    life.transport.loseAddress();
    return true;
  }

  endZombie(): void {
    if (this.zombie !== undefined) this.end(this.zombie);
    this.zombie = undefined;
  }

  wipe(): void {
    this.loseDisk();
    this.wiped = true;
  }

  rollBack(backup: DiskContents): void {
    this.loseDisk();
    this.disk.putBack(backup);
    this.wiped = true;
    this.rolledBack = true;
  }

  /** With an empty store, and told to join: a new replica, whatever its name was before. */
  replaceDisk(through: readonly string[], as: 'voter' | 'learner'): void {
    this.loseDisk();
    this.joins = { through, as };
    this.isDormant = false;
  }

  /**
   * Whoever was told to join through nodes that are no members any more is told of others.
   *
   * @returns whether it was told, and has to be started again
   */
  joinThrough(members: readonly string[]): boolean {
    const { joins, current } = this;
    const isJoining = current === undefined || JOINING.includes(current.raft.status().phase);
    if (joins === undefined || !isJoining || this.disk.groups.has(DEFAULT_GROUP)) return false;
    if (joins.through.some((address) => members.includes(address))) return false;
    this.joins = { ...joins, through: members };
    this.kill();
    return true;
  }

  /** A snapshot in its store is ahead of its log: a crash came between the two. */
  get hasUnfinishedInstall(): boolean {
    const group = this.disk.groups.get(DEFAULT_GROUP);
    const snapshot = this.disk.snapshots.get(DEFAULT_GROUP);
    if (group === undefined || snapshot === undefined) return false;
    const { last } = snapshot.metadata;
    return last.index > group.origin.index && termAt(group, last.index) !== last.term;
  }

  private loseDisk(): void {
    this.kill();
    this.endZombie();
    this.around.oracle.wiping(this.disk);
    this.disk.wipe();
    this.database = new MemoryDatabase();
  }

  /** Looks at the node as it stands, between its own reports. */
  sample(): void {
    const life = this.current;
    if (life?.process.isRunning) this.around.oracle.status(life.observed, life.raft.status());
  }

  private get isStalled(): boolean {
    return this.diskConditions.stalledUntilMs > this.around.world.time.nowMs;
  }

  private get lastBatch(): number {
    return this.disk.groups.get(DEFAULT_GROUP)?.lastBatch ?? 0;
  }

  private makeLife(): NodeLifecycle {
    const { world, network, oracle, chance, entered, settings } = this.around;
    const process = new SimulatedProcess(world.time, `${this.name}.${++this.lives}`, entered);
    const observed = oracle.begin(process.label, this.disk, this.wiped, () => this.isStalled);
    const watched = {
      persisting: (write: GroupWrite) => oracle.persisting(observed, write, raft.status()),
      storingSnapshot: (metadata: SnapshotMetadata) => oracle.storingSnapshot(observed, metadata),
    };
    const storage = new SimulatedStorage(
      this.disk,
      this.lock,
      this.diskConditions,
      process,
      chance.fork(),
      world,
      watched,
    );
    const transport = new SimulatedTransport(this.address, process, network, () => observed.isLeader);
    const host = new StateMachineHost([this.registers(process)]);
    const raft: RaftNode = new RaftNode(
      raftNodeOptions({
        nodeId: this.name,
        ...this.startLists(),
        advertise: this.address,
        electionTimeoutMs: settings.electionTimeoutMs,
        leaseReads: settings.leaseReads,
        limits: settings.limits,
        snapshots: settings.snapshots,
        storage,
        transport,
        stateMachine: new ObservedMachine(
          host,
          (entries) => {
            this.trace('apply', entries.at(-1)?.index ?? 0, () => `${entries[0]?.index} to ${entries.at(-1)?.index}`);
            oracle.applying(observed, entries);
            if (settings.inDatabase) this.around.sliced(entries);
          },
          (index) => oracle.appliedTo(observed, index),
          (last) => {
            this.trace('apply', last.index, () => `a snapshot up to ${last.index}`);
            oracle.restored(observed, last);
          },
          () => this.checkCapture(observed),
        ),
        scheduler: new SimulatedScheduler(process, this.clock, chance.fork()),
        logger: this.logger(process),
      }),
    );
    return { process, raft, transport, storage, observed, ended: new Set(), started: false, zombie: false };
  }

  /** Lists for a start name everybody where he is by then: they are hints. */
  private startLists(): Pick<RaftNodeSettings, 'founders' | 'join' | 'joinAs'> {
    const { placeOf } = this.around;
    const founders = this.founders.map(({ id }) => ({ id, peer: placeOf(id) }));
    if (this.joins === undefined) return { founders };
    const hints = this.around.settings.moves && this.disk.groups.has(DEFAULT_GROUP) ? founders : [];
    return {
      founders: [{ id: this.name, peer: this.address }],
      join: [...this.joins.through, ...hints.map(({ peer }) => peer)],
      joinAs: this.joins.as,
    };
  }

  private checkCapture({ label, appliedIndex, isSucceeded }: ObservedProcess): void {
    // Of a process whose successor has its database, nothing lands any more.
    if (isSucceeded()) return;
    const { index } = this.database.last;
    this.around.world.verdict.check(
      index <= appliedIndex,
      'a snapshot is of one index',
      () => `${label} captures at ${appliedIndex} a database that holds entry ${index}`,
    );
  }

  /** A database answers soon; that of a process that has just begun may take its time at first. */
  private registers(process: SimulatedProcess): object {
    if (!this.around.settings.inDatabase) return new RegisterMachine();
    const chance = this.around.chance.fork();
    if (this.database.last.index > (this.disk.snapshots.get(DEFAULT_GROUP)?.metadata.last.index ?? 0))
      this.around.world.paths.count('a database was ahead of the replay');
    let firstMs = chance.happens(0.4) ? chance.uniform(200, 3000) : 0;
    const pause = (): Promise<void> => {
      const delayMs = firstMs + (chance.happens(0.5) ? 0 : chance.exponential(0.5));
      firstMs = 0;
      return new Promise((resolve) => process.input(delayMs, resolve));
    };
    return new RegisterRows(this.database, pause);
  }

  private end(life: NodeLifecycle): void {
    this.trace('exit', 0, () => 'killed');
    life.process.crash();
    life.storage.crashed();
    life.transport.cut();
    for (const ended of [...life.ended]) ended();
    life.ended.clear();
  }

  private failedToStart(life: NodeLifecycle, error: unknown): void {
    if (this.current !== life) return;
    const { verdict } = this.around.world;
    const isExpected = isRaftError(error) && (error.code === 'RAFT_STORAGE' || error.code === 'RAFT_SHUTTING_DOWN');
    if (!isExpected) verdict.keep('only the store keeps a node from starting', `${this.name}: ${String(error)}`);
    this.kill();
    this.restartLater();
  }

  private observe(life: NodeLifecycle, status: RaftStatus): void {
    const { oracle, world } = this.around;
    const { phase, role, term, leader, reason } = status;
    const number = term * 16 + role.length;
    this.trace(
      'status',
      number,
      () => `${phase}, ${role} in term ${term}, leader ${leader?.name ?? 'unknown'} ${reason}`,
    );
    if (phase === 'quarantined') this.quarantine(life, reason);
    else if (phase === 'removed') oracle.saysRemoved(life.observed, status);
    else if (phase === 'failed') this.failed(life, reason);
    else if (phase === 'running' || phase === 'stopping') oracle.status(life.observed, status);
    world.verdict.check(
      // With an older copy it may run for as long as it reaches nobody who knows better; none of its messages counts.
      phase !== 'running' || !this.wiped || this.rolledBack,
      'a wiped node takes no part',
      () => `${life.process.label} runs as replica ${status.replicaId}`,
    );
  }

  private quarantine(life: NodeLifecycle, reason: string): void {
    const { verdict, paths } = this.around.world;
    // It hears from its peers of the life that follows it.
    if (life.zombie) return;
    verdict.check(this.wiped, 'only a wiped node is quarantined', () => `${this.name}: ${reason}`);
    if (!this.quarantined)
      paths.count(this.rolledBack ? 'quarantined a rolled-back disk' : 'quarantined a wiped founder');
    this.quarantined = true;
  }

  private failed(life: NodeLifecycle, reason: string): void {
    if (!life.started) return;
    this.around.world.verdict.check(life.zombie, 'no node fails', () => `${life.process.label}: ${reason}`);
    this.around.world.time.after(0, () => {
      if (this.zombie === life) this.endZombie();
    });
  }

  private logger(process: SimulatedProcess): RaftLogger {
    const { trace } = this.around.world;
    const write = (level: string) => (message: string) =>
      trace.add('log', process.label, level.length, () => `${level}: ${message}`);
    return { debug: write('debug'), log: write('log'), warn: write('warn'), error: write('error') };
  }

  private trace(kind: 'start' | 'exit' | 'status' | 'apply', value: number, describe: () => string): void {
    this.around.world.trace.add(kind, `${this.name}.${this.lives}`, value, describe);
  }
}
