import { SNAPSHOT_CHUNK } from '../../../runtime/snapshots/snapshot-calls';
import type { FaultScene } from './fault-scene';
import type { SimulatedNode } from '../simulated/simulated-node';

type Link = readonly [from: string, to: string];

/** What goes wrong between nodes. Each method returns false where there was nothing to strike. */
export class NetworkFaults {
  private partition: readonly Link[] = [];

  constructor(private readonly scene: FaultScene) {}

  splitNetwork(): boolean {
    if (this.scene.nodes.length < 2) return false;
    this.scene.meet('partitioned the network');
    const shuffled = this.scene.chance.shuffled(this.scene.nodes);
    const size = this.scene.chance.between(1, shuffled.length);
    const [here, there] = [shuffled.slice(0, size), shuffled.slice(size)];
    this.block(here.flatMap((a) => there.flatMap((b) => bothWays(a, b))));
    return true;
  }

  splitOneWay(node: SimulatedNode): boolean {
    if (this.scene.nodes.length < 2) return false;
    const deaf = this.scene.chance.happens(0.5);
    const all = this.scene.chance.happens(0.6);
    const others = this.scene.nodes.filter((other) => other !== node);
    const cut = all ? others : [this.scene.chance.pick(others)];
    this.scene.meet('partitioned one way', node);
    this.block(cut.map((other) => (deaf ? [other.address, node.address] : [node.address, other.address])));
    return true;
  }

  isolate(node: SimulatedNode, leastMs?: number): boolean {
    if (this.scene.nodes.length < 2) return false;
    this.scene.meet('isolated the leader', node);
    this.block(
      this.scene.nodes.filter((other) => other !== node).flatMap((other) => bothWays(node, other)),
      leastMs,
    );
    return true;
  }

  cutLink(node: SimulatedNode): boolean {
    if (this.scene.nodes.length < 3) return false;
    const other = this.scene.chance.pick(this.scene.nodes.filter((each) => each !== node));
    this.cutBetween(node, other);
    if (this.scene.settings.leaseReads !== null && this.scene.chance.happens(0.7)) this.slowDown(node);
    return true;
  }

  cutBetween(node: SimulatedNode, other: SimulatedNode): void {
    this.scene.meet('cut one link', node);
    this.block(bothWays(node, other), 2000);
  }

  /** Whatever the others tell this node, that they have a new leader for instance, it hears late. */
  private slowDown(node: SimulatedNode): void {
    const slowerMs = this.scene.chance.uniform(50, 300);
    const others = this.scene.nodes.filter((each) => each !== node);
    for (const other of others) this.scene.network.congest(other.address, node.address, slowerMs);
    this.scene.lasts(2000, 6000, () => {
      for (const other of others) this.scene.network.congest(other.address, node.address, 0);
    });
  }

  private block(links: readonly Link[], leastMs = 300): void {
    this.unblock();
    this.partition = links;
    for (const [from, to] of links) this.scene.network.block(from, to);
    for (const [from, to] of links)
      for (const node of this.scene.nodes) {
        if (node.address === from) for (const life of node.reachable) life.transport.losePeerIfSilent(to);
        if (node.address === to) for (const life of node.reachable) life.transport.losePeerIfSilent(from);
      }
    this.scene.lasts(leastMs, leastMs + 4000, () => {
      if (this.partition === links) this.unblock();
    });
  }

  private unblock(): void {
    for (const [from, to] of this.partition) this.scene.network.unblock(from, to);
    this.partition = [];
  }

  disturb(): boolean {
    if (this.scene.nodes.length < 2) return false;
    this.scene.meet('disturbed the network');
    const { conditions } = this.scene.network;
    const before = { ...conditions };
    Object.assign(conditions, {
      loss: this.scene.chance.uniform(0.05, 0.4),
      repetition: this.scene.chance.uniform(0, 0.3),
      meanDelayMs: this.scene.chance.pick([1, 20, 150]),
      reorders: true,
    });
    this.scene.lasts(500, 4000, () => Object.assign(conditions, before));
    return true;
  }

  congest(node: SimulatedNode): boolean {
    const others = this.scene.nodes.filter((other) => other !== node);
    if (others.length === 0) return false;
    const other = this.scene.chance.pick(others);
    this.scene.meet('congested a link', node);
    this.scene.network.congest(node.address, other.address, 100);
    this.scene.lasts(300, 3000, () => this.scene.network.congest(node.address, other.address, 0));
    return true;
  }

  /** The connection over which a node fetches a snapshot breaks, while a chunk is on its way. */
  breakFetch(): boolean {
    this.scene.note('break the next fetch of a snapshot', () => '');
    this.scene.network.whenAsked(SNAPSHOT_CHUNK, (connection) => {
      if (this.scene.isHealed || !connection.dialler.reset(connection.listener.address)) return;
      this.scene.meet('broke off the fetch of a snapshot');
    });
    return true;
  }

  reset(node: SimulatedNode): boolean {
    const other = this.scene.chance.pick(this.scene.nodes);
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
