import { DEFAULT_GROUP } from '../../../core/base/types';
import type { KnownBoot } from '../../../transport/contract';
import type { FaultScene } from './fault-scene';
import type { NetworkFaults } from './network-faults';
import type { Path } from '../base/paths';
import type { SimulatedNode } from '../simulated/simulated-node';

/** A process that stops gives the calls that it took in so long at most. */
const OUTLASTS_A_STOP_MS = 3500;
/** How often it is looked whether all have heard of a life. */
const HEARD_EVERY_MS = 100;

/** What happens to processes and their machines. Each method returns false where there was nothing to strike. */
export class NodeFaults {
  constructor(
    private readonly scene: FaultScene,
    private readonly between: NetworkFaults,
  ) {}

  crashWhileFounding(): boolean {
    const { nodes, chance } = this.scene;
    if (nodes.every((node) => node.isDormant || node.disk.groups.has(DEFAULT_GROUP))) return false;
    const node = chance.pick(nodes);
    if (!node.isUp) return false;
    this.scene.meet('founding met a crash', node);
    node.kill();
    node.restartLater();
    return true;
  }

  crash(node: SimulatedNode, path: Path): boolean {
    const life = node.current;
    if (life === undefined) return false;
    this.scene.meet(path, node);
    // Half of the crashes come in the middle of a write.
    if (this.scene.chance.happens(0.5)) this.kill(node);
    else
      life.storage.whenWriting(() => {
        if (node.current === life) this.kill(node);
      });
    return true;
  }

  /** SIGKILL, and a new start some time later. */
  kill(node: SimulatedNode): void {
    if (this.scene.isHealed || !node.isUp) return;
    node.kill();
    this.scene.lasts(200, 4000, () => {
      if (!node.isUp) this.scene.meet('restarted a node', node);
      node.start();
    });
  }

  /** A node comes back elsewhere with its disk: where nobody was, or where another was, which comes to its place. */
  move(node: SimulatedNode): boolean {
    const { nodes, chance, world } = this.scene;
    const canMove = (each: SimulatedNode): boolean =>
      each.isUp && each.zombie === undefined && each.disk.groups.has(DEFAULT_GROUP);
    const others = nodes.filter((other) => other !== node && canMove(other));
    if (!canMove(node)) return false;
    const before = node.address;
    if (others.length > 0 && chance.happens(0.3)) {
      const other = chance.pick(others);
      this.scene.meet('swapped addresses', node);
      node.kill();
      other.kill();
      node.moveTo(other.address);
      other.moveTo(before);
      other.restartLater();
    } else {
      this.scene.meet('came back at another address', node);
      node.kill();
      node.moveTo(`${node.name}.${Math.floor(world.time.nowMs)}:7001`);
    }
    node.restartLater();
    return true;
  }

  powerCut(): boolean {
    this.scene.meet('crashed every node');
    for (const node of this.scene.nodes) {
      node.kill();
      node.endZombie();
      this.scene.lasts(100, 2000, () => node.start());
    }
    return true;
  }

  /** A node dies while it puts a snapshot of another in place of its own state and log. */
  crashInstall(): boolean {
    const { nodes, chance } = this.scene;
    const reached = nodes.filter((node) => node.current !== undefined);
    this.scene.note('crash in the next install', () => '');
    for (const node of reached) {
      const life = node.current!;
      life.storage.whenFetched(chance.uniform(0, 4 * this.scene.settings.disk.readMs), () => {
        if (this.scene.isHealed || node.current !== life) return;
        if (node.hasUnfinishedInstall) this.scene.meet('crashed between the steps of an install', node);
        this.kill(node);
      });
    }
    return reached.length > 0;
  }

  stopInOrder(node: SimulatedNode): boolean {
    if (!node.isUp || node.current?.process.isPaused) return false;
    this.scene.meet('stopped a node in order', node);
    node.stop(() => node.restartLater());
    return true;
  }

  /**
   * One follower loses its leader alone and asks for votes. Then the others, on whose word the leader's lease rests, are stopped
   * and started anew at once, and it is the leader that is alone.
   */
  restartVoters(leader: SimulatedNode): boolean {
    const { nodes, chance, world } = this.scene;
    const followers = nodes.filter((node) => node !== leader && node.current?.process.isRunning === true);
    const [lonely, ...voters] = chance.shuffled(followers);
    if (!leader.isLeading || lonely === undefined || voters.length === 0) return false;
    this.scene.meet('restarted voters at once', leader);
    this.between.cutBetween(leader, lonely);
    const lives = voters.map(({ current }) => current);
    world.time.after(chance.uniform(1000, 3000), () => {
      if (this.scene.isHealed || !leader.isLeading) return;
      this.between.isolate(leader);
      this.scene.rush();
      voters.forEach((voter, at) => {
        if (voter.current !== lives[at] || voter.current?.process.isPaused === true) return;
        voter.stop(() => world.time.after(chance.uniform(1, 20), () => voter.start()));
      });
    });
    return true;
  }

  /** What a leader took in while it reached nobody is undecided when it has to go. */
  stopCutOff(node: SimulatedNode): boolean {
    const life = node.current;
    if (life?.process.isRunning !== true || !this.between.isolate(node, OUTLASTS_A_STOP_MS)) return false;
    this.scene.rush();
    this.scene.lasts(300, 800, () => {
      if (node.current === life) this.stopInOrder(node);
    });
    return true;
  }

  pause(node: SimulatedNode, path: Path): boolean {
    const life = node.current;
    if (life === undefined || life.process.isPaused) return false;
    const { process } = life;
    const { chance } = this.scene;
    const stop = (): void => {
      if (this.scene.isHealed || !process.isRunning) return;
      this.scene.meet(path, node);
      process.pause();
      this.scene.lasts(300, 5000, () => {
        const inputFirst = chance.happens(0.3);
        if (process.isPaused && process.isAlive && !inputFirst) this.scene.meet('resumed with timers before input');
        process.resume(inputFirst, chance);
      });
    };
    // Half of the leaders stop while the answers to a round are on their way.
    if (node.isLeading && this.scene.nodes.length > 1 && chance.happens(0.5))
      this.scene.network.whenHeartbeatLeaves(life.transport, stop);
    else stop();
    return true;
  }

  leaveZombie(node: SimulatedNode): boolean {
    const life = node.current;
    const { chance } = this.scene;
    if (life === undefined || node.wiped || !node.leaveZombie(chance.happens(0.5))) return false;
    this.scene.meet('left a zombie behind', node);
    const leader = this.scene.nodes.find((each) => each.isLeading);
    // What it still confirms must not count: its leader is left alone with it.
    if (leader !== undefined && leader !== node && chance.happens(0.6)) this.between.isolate(leader);
    else if (chance.happens(0.7)) life.process.pause();
    this.scene.lasts(100, 1000, () => node.start());
    this.scene.lasts(500, 5000, () => life.process.resume(chance.happens(0.3), chance));
    this.scene.lasts(5000, 10_000, () => node.endZombie());
    return true;
  }

  /** One founder loses its disk and comes back as if nothing were; the others are a majority. */
  wipe(node: SimulatedNode): boolean {
    const { nodes } = this.scene;
    const founded = nodes.every((each) => each.disk.groups.has(DEFAULT_GROUP));
    if (nodes.length < 3 || !founded || nodes.some((each) => each.wiped)) return false;
    this.scene.meet('wiped a founder', node);
    node.wipe();
    this.scene.lasts(100, 2000, () => node.start());
    return true;
  }

  /** A disk is copied; its node starts anew, all others hear of that; and the copy takes the disk's place. */
  rollBack(node: SimulatedNode): boolean {
    const { nodes, world, chance } = this.scene;
    const founded = nodes.every((each) => each.disk.groups.has(DEFAULT_GROUP));
    if (nodes.length < 3 || !founded || !node.isUp || nodes.some((each) => each.wiped)) return false;
    this.scene.note('copied the disk', () => node.name);
    const backup = node.disk.copy();
    node.kill();
    node.restartLater();
    const replica = node.disk.groups.get(DEFAULT_GROUP)!.identity.replicaId;
    const restartInMs = chance.uniform(100, 2000);
    const putBackWhenHeard = (): void => {
      if (this.scene.isHealed || nodes.some((each) => each.wiped)) return;
      if (!nodes.every(({ disk }) => disk === node.disk || lifeIn(disk.notes, replica) > backup.epoch)) {
        world.time.after(HEARD_EVERY_MS, putBackWhenHeard);
        return;
      }
      this.scene.meet('rolled a disk back', node);
      node.rollBack(backup);
      world.time.after(restartInMs, () => node.start());
    };
    putBackWhenHeard();
    return true;
  }

  jump(node: SimulatedNode): boolean {
    this.scene.meet('wall clock jumped', node);
    node.clock.jump(this.scene.chance.pick([-3_600_000, -5000, 5000, 3_600_000]));
    return true;
  }
}

/** @returns the number of the last life of a replica that another node's notes know of; 0 for none */
function lifeIn(notes: string, replica: number): number {
  if (notes === '') return 0;
  const { known } = JSON.parse(notes) as { readonly known: readonly KnownBoot[] };
  return known.find(({ replicaId }) => replicaId === replica)?.number ?? 0;
}
