import type { Chance } from './chance';
import type { Path } from './paths';
import type { SeedSettings } from './seed-settings';
import type { SimulatedNetwork } from './simulated-network';
import type { SimulatedNode } from './simulated-node';

/** What faults need from the plan that they belong to. */
export interface FaultScene {
  /** A fault begins. */
  meet(path: Path, node?: SimulatedNode): void;
  /** Ends a fault after a while drawn from this range, unless everything is healed before. */
  lasts(fromMs: number, toMs: number, end: () => void): void;
}

type Link = readonly [from: string, to: string];

/** What goes wrong between nodes. Each method returns false where there was nothing to strike. */
export class NetworkFaults {
  private partition: readonly Link[] = [];

  constructor(
    private readonly scene: FaultScene,
    private readonly chance: Chance,
    private readonly nodes: readonly SimulatedNode[],
    private readonly network: SimulatedNetwork,
    private readonly settings: SeedSettings,
  ) {}

  splitNetwork(): boolean {
    if (this.nodes.length < 2) return false;
    this.scene.meet('partitioned the network');
    const shuffled = this.chance.shuffled(this.nodes);
    const size = this.chance.between(1, shuffled.length);
    const [here, there] = [shuffled.slice(0, size), shuffled.slice(size)];
    this.block(here.flatMap((a) => there.flatMap((b) => bothWays(a, b))));
    return true;
  }

  splitOneWay(node: SimulatedNode): boolean {
    if (this.nodes.length < 2) return false;
    const deaf = this.chance.happens(0.5);
    const all = this.chance.happens(0.6);
    const others = this.nodes.filter((other) => other !== node);
    const cut = all ? others : [this.chance.pick(others)];
    this.scene.meet('partitioned one way', node);
    this.block(cut.map((other) => (deaf ? [other.address, node.address] : [node.address, other.address])));
    return true;
  }

  isolate(node: SimulatedNode): boolean {
    if (this.nodes.length < 2) return false;
    this.scene.meet('isolated the leader', node);
    this.block(this.nodes.filter((other) => other !== node).flatMap((other) => bothWays(node, other)));
    return true;
  }

  cutLink(node: SimulatedNode): boolean {
    if (this.nodes.length < 3) return false;
    const other = this.chance.pick(this.nodes.filter((each) => each !== node));
    this.scene.meet('cut one link', node);
    this.block(bothWays(node, other), 2000);
    if (this.settings.leaseReads !== null && this.chance.happens(0.7)) this.slowDown(node);
    return true;
  }

  /** Whatever the others tell this node, that they have a new leader for instance, it hears late. */
  private slowDown(node: SimulatedNode): void {
    const slowerMs = this.chance.uniform(50, 300);
    const others = this.nodes.filter((each) => each !== node);
    for (const other of others) this.network.congest(other.address, node.address, slowerMs);
    this.scene.lasts(2000, 6000, () => {
      for (const other of others) this.network.congest(other.address, node.address, 0);
    });
  }

  private block(links: readonly Link[], leastMs = 300): void {
    this.unblock();
    this.partition = links;
    for (const [from, to] of links) this.network.block(from, to);
    for (const [from, to] of links) {
      for (const node of this.nodes) {
        if (node.address === from) for (const life of node.reachable) life.transport.losePeerIfSilent(to);
        if (node.address === to) for (const life of node.reachable) life.transport.losePeerIfSilent(from);
      }
    }
    this.scene.lasts(leastMs, leastMs + 4000, () => {
      if (this.partition === links) this.unblock();
    });
  }

  private unblock(): void {
    for (const [from, to] of this.partition) this.network.unblock(from, to);
    this.partition = [];
  }

  disturb(): boolean {
    if (this.nodes.length < 2) return false;
    this.scene.meet('disturbed the network');
    const { conditions } = this.network;
    const before = { ...conditions };
    Object.assign(conditions, {
      loss: this.chance.uniform(0.05, 0.4),
      repetition: this.chance.uniform(0, 0.3),
      meanDelayMs: this.chance.pick([1, 20, 150]),
      reorders: true,
    });
    this.scene.lasts(500, 4000, () => Object.assign(conditions, before));
    return true;
  }

  congest(node: SimulatedNode): boolean {
    const others = this.nodes.filter((other) => other !== node);
    if (others.length === 0) return false;
    const other = this.chance.pick(others);
    this.scene.meet('congested a link', node);
    this.network.congest(node.address, other.address, 100);
    this.scene.lasts(300, 3000, () => this.network.congest(node.address, other.address, 0));
    return true;
  }

  reset(node: SimulatedNode): boolean {
    const other = this.chance.pick(this.nodes);
    const done = node.current?.transport.reset(other.address) ?? false;
    if (done) this.scene.meet('reset a connection', node);
    return done;
  }
}

function bothWays(left: SimulatedNode, right: SimulatedNode): readonly Link[] {
  return [
    [left.address, right.address],
    [right.address, left.address],
  ];
}
