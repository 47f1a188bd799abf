import type { FaultScene } from './fault-scene';
import type { SimulatedNode } from '../simulated/simulated-node';

/** What happens to stores. */
export class DiskFaults {
  constructor(private readonly scene: FaultScene) {}

  slow(node: SimulatedNode): boolean {
    this.scene.note('slow disk', () => node.name);
    node.diskConditions.writeMs = this.scene.chance.pick([20, 80, 400]);
    node.diskConditions.readMs = 20;
    this.scene.lasts(500, 5000, () => this.heal(node));
    return true;
  }

  /** It answers nothing for a while, without an error: long enough for the watch over the store to notice. */
  stall(node: SimulatedNode): boolean {
    const { chance, world, nodes } = this.scene;
    const isOneDisk = chance.happens(0.2);
    const untilMs = world.time.nowMs + chance.uniform(800, 6000);
    this.scene.meet(isOneDisk ? 'stalled the disk under all' : 'stalled a disk', node);
    for (const each of isOneDisk ? nodes : [node]) each.diskConditions.stalledUntilMs = untilMs;
    return true;
  }

  fail(node: SimulatedNode): boolean {
    const { chance } = this.scene;
    this.scene.note('failing disk', () => node.name);
    node.diskConditions.writeFailures = chance.uniform(0.1, 0.6);
    node.diskConditions.readFailures = chance.uniform(0.1, 0.6);
    this.scene.lasts(500, 4000, () => this.heal(node));
    return true;
  }

  takeAway(node: SimulatedNode): boolean {
    this.scene.note('disk away', () => node.name);
    node.diskConditions.away = true;
    if (this.scene.chance.happens(0.5)) node.current?.storage.cutSession();
    this.scene.lasts(200, 3000, () => this.heal(node));
    return true;
  }

  /** The connection to the store breaks in the middle of the next snapshot that is written. */
  breakSnapshot(node: SimulatedNode): boolean {
    if (node.current === undefined) return false;
    this.scene.note('break the next snapshot', () => node.name);
    node.current.storage.breakNextSnapshot();
    return true;
  }

  heal({ diskConditions }: SimulatedNode): void {
    Object.assign(diskConditions, this.scene.settings.disk, { away: false });
    if (this.scene.isHealed) Object.assign(diskConditions, { writeFailures: 0, readFailures: 0, stalledUntilMs: 0 });
  }
}
