import { isRaftError } from '../../core/raft-error';
import { DEFAULT_GROUP } from '../../core/types';
import type { Chance } from './chance';
import { type FaultScene, NetworkFaults } from './network-faults';
import type { Path } from './paths';
import type { SeedSettings } from './seed-settings';
import type { SimulatedNetwork } from './simulated-network';
import type { SimulatedNode } from './simulated-node';
import type { World } from './world';

/** How likely each kind of fault is, in proportion. */
const WEIGHTS = {
  crash: 14,
  crashLeader: 10,
  powerCut: 3,
  stopInOrder: 6,
  pause: 8,
  pauseLeader: 8,
  zombie: 5,
  wipe: 6,
  partition: 9,
  oneWay: 8,
  isolateLeader: 8,
  cutLink: 8,
  disturb: 7,
  congest: 4,
  reset: 6,
  slowDisk: 6,
  failingDisk: 8,
  diskAway: 7,
  wallJump: 5,
  revote: 12,
  transfer: 6,
};

/** A lease is only as good as the voters that hold to it: most is learned where one follower loses its leader alone. */
const WEIGHTS_WITH_LEASES = { ...WEIGHTS, cutLink: 40 };

const RETRY_MS = 100;
const LONGEST_QUIET_MS = 8000;

type Fault = keyof typeof WEIGHTS;

/** Draws faults, one after the other and several at once, and takes all of them back when the time of healing comes. */
export class FaultPlan {
  private healed = false;
  /** Who votes changes, or disks are wiped: both together could lose a quorum for good. */
  private readonly votersChange: boolean;
  private struck = 0;
  private readonly between: NetworkFaults;

  constructor(
    private readonly world: World,
    private readonly chance: Chance,
    private readonly nodes: readonly SimulatedNode[],
    private readonly network: SimulatedNetwork,
    private readonly settings: SeedSettings,
  ) {
    this.votersChange = chance.happens(0.5);
    const scene: FaultScene = {
      meet: (path, node) => this.meet(path, node),
      lasts: (fromMs, toMs, end) => this.lasts(fromMs, toMs, end),
    };
    this.between = new NetworkFaults(scene, chance, nodes, network, settings);
  }

  /** How many faults there were. */
  get faults(): number {
    return this.struck;
  }

  start(): void {
    if (this.settings.crashWhileFounding) this.crashWhileFounding();
    this.world.time.after(3000, () => this.next());
  }

  /** Everything works again, and whoever is down is started. */
  heal(): void {
    this.healed = true;
    this.note('healed', () => 'everything');
    this.network.heal();
    Object.assign(this.network.conditions, { loss: 0, repetition: 0, meanDelayMs: 1, reorders: false, late: 0 });
    for (const node of this.nodes) {
      this.healDisk(node);
      node.endZombie();
      for (const life of node.reachable) life.process.resume(this.chance.happens(0.5), this.chance);
      node.start();
    }
  }

  private next(): void {
    if (this.healed) return;
    const struck = this.strike();
    // What can't be done now, such as killing the leader where there is none, makes way for something else.
    const waitMs = struck ? this.chance.exponential(this.settings.faultEveryMs) : RETRY_MS;
    this.world.time.after(Math.min(waitMs, LONGEST_QUIET_MS), () => this.next());
  }

  private strike(): boolean {
    const weights = this.settings.leaseReads === null ? WEIGHTS : WEIGHTS_WITH_LEASES;
    const leader = this.nodes.find((node) => node.isLeading);
    const anyone = this.chance.pick(this.nodes);
    const struck = this.run(this.chance.weighted(weights), anyone, leader ?? anyone);
    if (struck) this.struck++;
    return struck;
  }

  /** @returns false where there was nothing to strike */
  private run(fault: Fault, anyone: SimulatedNode, leader: SimulatedNode): boolean {
    switch (fault) {
      case 'crash':
        return this.crash(anyone, 'crashed a node');
      case 'crashLeader':
        return leader.isLeading && this.crash(leader, 'crashed the leader');
      case 'powerCut':
        return this.powerCut();
      case 'stopInOrder':
        return this.stopInOrder(anyone);
      case 'pause':
        return this.pause(anyone, 'paused a node');
      case 'pauseLeader':
        return leader.isLeading && this.pause(leader, 'paused the leader');
      case 'zombie':
        return this.leaveZombie(this.chance.happens(0.6) ? leader : anyone);
      case 'wipe':
        return !this.votersChange && this.wipe(anyone);
      case 'partition':
        return this.between.splitNetwork();
      case 'oneWay':
        return this.between.splitOneWay(this.chance.happens(0.5) ? leader : anyone);
      case 'isolateLeader':
        return leader.isLeading && this.between.isolate(leader);
      case 'cutLink':
        return this.between.cutLink(leader);
      case 'disturb':
        return this.between.disturb();
      case 'congest':
        return this.between.congest(anyone);
      case 'reset':
        return this.between.reset(anyone);
      case 'slowDisk':
        return this.slowDisk(anyone);
      case 'failingDisk':
        return this.failDisk(this.chance.happens(0.5) ? leader : anyone);
      case 'diskAway':
        return this.takeDiskAway(this.chance.happens(0.5) ? leader : anyone);
      case 'wallJump':
        return this.jump(anyone);
      case 'revote':
        return this.votersChange && this.revote(anyone);
      case 'transfer':
        return this.transfer(anyone);
    }
  }

  /** Some voters become learners, and some learners voters: by a joint configuration, while everything else goes on. */
  private revote(node: SimulatedNode): boolean {
    const life = node.current;
    if (life?.process.isRunning !== true || life.raft.status().phase !== 'running' || this.nodes.length < 3)
      return false;
    const voting = this.nodes.filter(() => this.chance.happens(0.7));
    if (voting.length === 0) return false;
    const target = this.nodes.map(({ name, address: peer }) => ({
      name,
      peer,
      voter: voting.some((each) => each.name === name),
    }));
    this.note('revote', () => `${node.name} asks for the voters ${voting.map(({ name }) => name).join(', ')}`);
    life.process.input(0, () => {
      life.raft
        .changeMembership(target, { timeoutMs: this.chance.pick([1000, 8000]), force: this.chance.happens(0.2) })
        .then(
          () => this.world.paths.count('changed who votes'),
          (error: unknown) => {
            if (isRaftError(error)) this.world.paths.count('refused or gave up a change of the membership');
            else this.world.verdict.fail('a change of the membership ends or is refused with a code', String(error));
          },
        );
    });
    return true;
  }

  private transfer(node: SimulatedNode): boolean {
    const life = node.current;
    if (life?.process.isRunning !== true || life.raft.status().phase !== 'running') return false;
    const to = this.chance.happens(0.5) ? undefined : this.chance.pick(this.nodes).name;
    this.note('transfer', () => `${node.name} asks for ${to ?? 'anybody'} to lead`);
    life.process.input(0, () => {
      life.raft.transferLeadership(to).catch((error: unknown) => {
        if (!isRaftError(error)) this.world.verdict.fail('a transfer ends or is refused with a code', String(error));
      });
    });
    return true;
  }

  private crashWhileFounding(): void {
    this.world.time.after(this.chance.uniform(20, 900), () => {
      if (this.nodes.every((node) => node.disk.groups.has(DEFAULT_GROUP))) return;
      const node = this.chance.pick(this.nodes);
      if (!node.isUp) return;
      this.struck++;
      this.meet('founding met a crash', node);
      node.kill();
      node.restartLater();
    });
  }

  private crash(node: SimulatedNode, path: Path): boolean {
    const life = node.current;
    if (life === undefined) return false;
    this.meet(path, node);
    const kill = () => {
      if (this.healed || node.current !== life) return;
      node.kill();
      this.lasts(200, 4000, () => {
        if (!node.isUp) this.count('restarted a node');
        node.start();
      });
    };
    // Half of the crashes come in the middle of a write.
    if (this.chance.happens(0.5)) kill();
    else life.storage.whenWriting(kill);
    return true;
  }

  private powerCut(): boolean {
    this.meet('crashed every node');
    for (const node of this.nodes) {
      node.kill();
      node.endZombie();
      this.lasts(100, 2000, () => node.start());
    }
    return true;
  }

  private stopInOrder(node: SimulatedNode): boolean {
    if (!node.isUp || node.current?.process.isPaused) return false;
    this.meet('stopped a node in order', node);
    node.stop(() => node.restartLater());
    return true;
  }

  private pause(node: SimulatedNode, path: Path): boolean {
    const life = node.current;
    if (life === undefined || life.process.isPaused) return false;
    const { process } = life;
    const stop = () => {
      if (this.healed || !process.isRunning) return;
      this.meet(path, node);
      process.pause();
      this.lasts(300, 5000, () => {
        const inputFirst = this.chance.happens(0.3);
        if (process.isPaused && process.isAlive && !inputFirst) this.count('resumed with timers before input');
        process.resume(inputFirst, this.chance);
      });
    };
    // Half of the leaders stop while the answers to a round are on their way.
    if (node.isLeading && this.nodes.length > 1 && this.chance.happens(0.5)) {
      this.network.whenHeartbeatLeaves(life.transport, stop);
    } else stop();
    return true;
  }

  private leaveZombie(node: SimulatedNode): boolean {
    const life = node.current;
    if (life === undefined || node.wiped || !node.leaveZombie(this.chance.happens(0.5))) return false;
    this.meet('left a zombie behind', node);
    const leader = this.nodes.find((each) => each.isLeading);
    // What it still confirms must not count: its leader is left alone with it.
    if (leader !== undefined && leader !== node && this.chance.happens(0.6)) this.between.isolate(leader);
    else if (this.chance.happens(0.7)) life.process.pause();
    this.lasts(100, 1000, () => node.start());
    this.lasts(500, 5000, () => life.process.resume(this.chance.happens(0.3), this.chance));
    this.lasts(5000, 10_000, () => node.endZombie());
    return true;
  }

  /** One founder loses its disk; the others are a majority. */
  private wipe(node: SimulatedNode): boolean {
    const founded = this.nodes.every((each) => each.disk.groups.has(DEFAULT_GROUP));
    if (this.nodes.length < 3 || !founded || this.nodes.some((each) => each.wiped)) return false;
    this.meet('wiped a founder', node);
    node.wipe();
    this.lasts(100, 2000, () => node.start());
    return true;
  }

  private slowDisk(node: SimulatedNode): boolean {
    this.note('slow disk', () => node.name);
    node.diskConditions.writeMs = this.chance.pick([20, 80, 400]);
    node.diskConditions.readMs = 20;
    this.lasts(500, 5000, () => this.healDisk(node));
    return true;
  }

  private failDisk(node: SimulatedNode): boolean {
    this.note('failing disk', () => node.name);
    node.diskConditions.writeFailures = this.chance.uniform(0.1, 0.6);
    node.diskConditions.readFailures = this.chance.uniform(0.1, 0.6);
    this.lasts(500, 4000, () => this.healDisk(node));
    return true;
  }

  private takeDiskAway(node: SimulatedNode): boolean {
    this.note('disk away', () => node.name);
    node.diskConditions.away = true;
    if (this.chance.happens(0.5)) node.current?.storage.cutSession();
    this.lasts(200, 3000, () => this.healDisk(node));
    return true;
  }

  private healDisk({ diskConditions }: SimulatedNode): void {
    Object.assign(diskConditions, this.settings.disk, { away: false });
    if (this.healed) Object.assign(diskConditions, { writeFailures: 0, readFailures: 0 });
  }

  private jump(node: SimulatedNode): boolean {
    this.meet('wall clock jumped', node);
    node.clock.jump(this.chance.pick([-3_600_000, -5000, 5000, 3_600_000]));
    return true;
  }

  /** Ends a fault after a while drawn from this range, unless everything is healed before. */
  private lasts(fromMs: number, toMs: number, end: () => void): void {
    this.world.time.after(this.chance.uniform(fromMs, toMs), () => {
      if (!this.healed) end();
    });
  }

  private count(path: Path): void {
    this.world.paths.count(path);
  }

  private meet(path: Path, node?: SimulatedNode): void {
    this.count(path);
    this.note(path, () => node?.name ?? '');
  }

  private note(what: string, where: () => string): void {
    this.world.trace.add('fault', 'faults', what.length, () => `${what} ${where()}`);
  }
}
