import { Chance } from '../base/chance';
import type { ClusterOracle } from '../rules/cluster-oracle';
import { DiskFaults } from './disk-faults';
import type { FaultScene } from './fault-scene';
import { MembershipWalks } from './membership-walks';
import { NetworkFaults } from './network-faults';
import { NodeFaults } from './node-faults';
import type { Path } from '../base/paths';
import type { Script, ScriptedStep } from '../base/script';
import type { SeedSettings } from '../simulated/seed-settings';
import type { SimulatedNetwork } from '../simulated/simulated-network';
import type { SimulatedNode } from '../simulated/simulated-node';
import type { World } from '../base/world';

/** How likely each kind of fault is, in proportion. */
const WEIGHTS = {
  crash: 14,
  crashLeader: 10,
  powerCut: 3,
  crashInstall: 14,
  stopInOrder: 6,
  stopCutOff: 3,
  restartVoters: 0,
  pause: 8,
  pauseLeader: 8,
  zombie: 5,
  wipe: 6,
  rollBack: 8,
  partition: 9,
  oneWay: 8,
  isolateLeader: 8,
  cutLink: 8,
  disturb: 7,
  congest: 4,
  reset: 6,
  breakFetch: 4,
  slowDisk: 6,
  stallDisk: 8,
  failingDisk: 8,
  diskAway: 7,
  breakSnapshot: 6,
  wallJump: 5,
  revote: 0,
  join: 0,
  remove: 0,
  replace: 0,
  move: 0,
  transfer: 6,
};

type Fault = keyof typeof WEIGHTS;
type DiskOrMemberFault =
  | 'slowDisk'
  | 'stallDisk'
  | 'failingDisk'
  | 'diskAway'
  | 'breakSnapshot'
  | 'revote'
  | 'join'
  | 'remove'
  | 'replace'
  | 'transfer';
type Weights = Readonly<Record<Fault, number>>;

/** A lost disk comes back as a new replica where the membership changes, and as if nothing were where it doesn't: not both. */
const WITH_CHANGES: Weights = { ...WEIGHTS, wipe: 0, rollBack: 0, revote: 14, join: 24, remove: 20, replace: 10 };

/** A lease is only as good as the voters that hold to it: most is learned where one follower loses its leader alone. */
const LEASE_CUTS = { cutLink: 40, restartVoters: 16 };

/** One at a time and several within a few election time-outs. */
const MOVES = { move: 24 };

const RETRY_MS = 100;
const LONGEST_QUIET_MS = 8000;
const FOUNDING = 0;

/** Draws faults, one after the other and several at once, and takes all of them back when the time of healing comes. */
export class FaultPlan implements FaultScene {
  isHealed = false;
  chance: Chance;
  /** Called when clients shall call whoever leads, many at once. */
  onRush: (() => void) | undefined;
  private turns = 0;
  private readonly struck: ScriptedStep[] = [];
  private readonly weights: Weights;
  private readonly between: NetworkFaults;
  private readonly onNodes: NodeFaults;
  private readonly onDisks: DiskFaults;
  private readonly walks: MembershipWalks;

  /** @param script only what stands in it; undefined to draw */
  constructor(
    private readonly seed: number,
    readonly world: World,
    readonly nodes: readonly SimulatedNode[],
    readonly network: SimulatedNetwork,
    readonly oracle: ClusterOracle,
    readonly settings: SeedSettings,
    private readonly script: Script | undefined,
  ) {
    this.weights = {
      ...(settings.membershipChanges ? WITH_CHANGES : WEIGHTS),
      ...(settings.leaseReads !== null && LEASE_CUTS),
      ...(settings.moves && MOVES),
    };
    this.chance = Chance.of(seed, 'fault');
    this.between = new NetworkFaults(this);
    this.onNodes = new NodeFaults(this, this.between);
    this.onDisks = new DiskFaults(this);
    this.walks = new MembershipWalks(this, this.onNodes);
    let steps = 0;
    if (settings.membershipChanges)
      oracle.onStep = () => this.walks.stepCommitted(Chance.of(seed, 'change of mind', ++steps));
  }

  /** The faults that there were. */
  get steps(): readonly ScriptedStep[] {
    return this.struck;
  }

  start(): void {
    const { time } = this.world;
    if (this.script !== undefined) {
      for (const { number, atMs } of this.script.faults) time.after(atMs, () => this.strike(number));
      return;
    }
    if (this.settings.crashWhileFounding)
      time.after(Chance.of(this.seed, 'founding').uniform(20, 900), () => this.strike(FOUNDING));
    time.after(3000, () => this.next());
  }

  /** Everything works again, and whoever is down is started. */
  heal(): void {
    this.isHealed = true;
    this.chance = Chance.of(this.seed, 'healing');
    this.note('healed', () => 'everything');
    this.oracle.onJoint = undefined;
    this.network.heal();
    Object.assign(this.network.conditions, { loss: 0, repetition: 0, meanDelayMs: 1, reorders: false, late: 0 });
    for (const node of this.nodes) {
      this.onDisks.heal(node);
      node.endZombie();
      node.joinThrough(this.walks.memberAddresses);
      for (const life of node.reachable) life.process.resume(this.chance.happens(0.5), this.chance);
      node.start();
    }
    if (this.settings.membershipChanges) this.walks.tendMembers();
  }

  meet(path: Path, node?: SimulatedNode): void {
    this.world.paths.count(path);
    this.note(path, () => node?.name ?? '');
  }

  note(what: string, where: () => string): void {
    this.world.trace.add('fault', 'faults', what.length, () => `${what} ${where()}`);
  }

  lasts(fromMs: number, toMs: number, end: () => void): void {
    this.world.time.after(this.chance.uniform(fromMs, toMs), () => {
      if (!this.isHealed) end();
    });
  }

  rush(): void {
    this.onRush?.();
  }

  private next(): void {
    if (this.isHealed) return;
    const struck = this.strike(++this.turns);
    // What can't be done now, such as killing the leader where there is none, makes way for something else.
    const waitMs = struck ? this.chance.exponential(this.settings.faultEveryMs) : RETRY_MS;
    this.world.time.after(Math.min(waitMs, LONGEST_QUIET_MS), () => this.next());
  }

  private strike(number: number): boolean {
    if (this.isHealed) return false;
    this.chance = Chance.of(this.seed, 'fault', number);
    const leader = this.nodes.find((node) => node.isLeading);
    const anyone = this.chance.pick(this.nodes);
    const struck =
      number === FOUNDING
        ? this.onNodes.crashWhileFounding()
        : this.run(this.chance.weighted(this.weights), anyone, leader ?? anyone);
    if (struck) this.struck.push({ number, atMs: this.world.time.nowMs });
    return struck;
  }

  /** @returns false where there was nothing to strike */
  private run(fault: Fault, anyone: SimulatedNode, leader: SimulatedNode): boolean {
    const { between, onNodes, chance } = this;
    switch (fault) {
      case 'crash':
        return onNodes.crash(anyone, 'crashed a node');
      case 'crashLeader':
        return leader.isLeading && onNodes.crash(leader, 'crashed the leader');
      case 'powerCut':
        return onNodes.powerCut();
      case 'crashInstall':
        return onNodes.crashInstall();
      case 'stopInOrder':
        return onNodes.stopInOrder(anyone);
      case 'stopCutOff':
        return leader.isLeading && onNodes.stopCutOff(leader);
      case 'restartVoters':
        return leader.isLeading && onNodes.restartVoters(leader);
      case 'pause':
        return onNodes.pause(anyone, 'paused a node');
      case 'pauseLeader':
        return leader.isLeading && onNodes.pause(leader, 'paused the leader');
      case 'zombie':
        return onNodes.leaveZombie(chance.happens(0.6) ? leader : anyone);
      case 'wipe':
        return onNodes.wipe(anyone);
      case 'rollBack':
        return onNodes.rollBack(anyone);
      case 'partition':
        return between.splitNetwork();
      case 'oneWay':
        return between.splitOneWay(chance.happens(0.5) ? leader : anyone);
      case 'isolateLeader':
        return leader.isLeading && between.isolate(leader);
      case 'cutLink':
        return between.cutLink(leader);
      case 'disturb':
        return between.disturb();
      case 'congest':
        return between.congest(anyone);
      case 'reset':
        return between.reset(anyone);
      case 'breakFetch':
        return between.breakFetch();
      case 'wallJump':
        return onNodes.jump(anyone);
      case 'move':
        return onNodes.move(anyone);
      default:
        return this.runOnDisksOrMembers(fault, anyone, leader);
    }
  }

  private runOnDisksOrMembers(fault: DiskOrMemberFault, anyone: SimulatedNode, leader: SimulatedNode): boolean {
    const { onDisks, walks, chance } = this;
    switch (fault) {
      case 'slowDisk':
        return onDisks.slow(anyone);
      case 'stallDisk':
        return onDisks.stall(chance.happens(0.7) ? leader : anyone);
      case 'failingDisk':
        return onDisks.fail(chance.happens(0.5) ? leader : anyone);
      case 'diskAway':
        return onDisks.takeAway(chance.happens(0.5) ? leader : anyone);
      case 'breakSnapshot':
        return onDisks.breakSnapshot(anyone);
      case 'revote':
        return walks.revote(anyone);
      case 'join':
        return walks.join();
      case 'remove':
        return walks.remove(anyone);
      case 'replace':
        return walks.replace(anyone);
      case 'transfer':
        return walks.transfer(anyone);
    }
  }
}
