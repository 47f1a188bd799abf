// The nodes of the demo together.
import { setTimeout as sleep } from 'node:timers/promises';
import { JoiningNode } from './joining-node.mjs';
import { killDatabasesOf, NodeProcess } from './node-process.mjs';

const leaderTimeoutMs = 60_000;
const pollMs = 100;

export class DemoCluster {
  /** @param {{ports: Array<{http: number, peer: number}>, joinPorts: {http: number, peer: number}, storage: string, dataDir: string, secretFile: string}} settings */
  constructor({ ports, joinPorts, storage, dataDir, secretFile }) {
    const founders = ports.map(({ http, peer }, at) => `n${at + 1}=127.0.0.1:${http}/${peer}`).join(',');
    this.nodes = ports.map(
      (pair, at) => new NodeProcess({ id: `n${at + 1}`, ports: pair, founders, storage, dataDir, secretFile }),
    );
    /** One more, which is started by the command that joins it. */
    this.joiner = new JoiningNode({
      id: `n${ports.length + 1}`,
      ports: joinPorts,
      through: ports[0],
      storage,
      dataDir,
      secretFile,
    });
  }

  get running() {
    return this.nodes.filter((node) => node.running);
  }

  async start() {
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  async stop() {
    await this.joiner.stop();
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  /** SIGKILL of every node and every Postgres process within one turn of the event loop: what a power cut is to them. */
  async cutPower() {
    killDatabasesOf(this.nodes);
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  /** Nothing more may be awaited: the demo itself is ending. */
  killNow() {
    if (this.running.length === 0) return;
    for (const node of [...this.nodes, this.joiner]) node.killNow();
    killDatabasesOf([...this.nodes, this.joiner]);
  }

  /**
   * @param {{all?: boolean, onWait?: (seconds: number) => void}} [options] `all`: every running node has to know the leader
   * @returns {Promise<NodeProcess>} the node that leads, as a majority says
   * @throws {Error} where a node has died, or there is no leader for a minute, with the last lines of a log
   */
  async leader({ all = false, onWait } = {}) {
    const started = Date.now();
    for (let said = 5; Date.now() - started < leaderTimeoutMs;) {
      const dead = this.nodes.find((node) => node.diedWith !== undefined);
      if (dead !== undefined) throw new Error(`${dead.id} ended (${dead.diedWith}). ${await logOf(dead)}`);
      const { running } = this;
      const statuses = await Promise.all(running.map((node) => node.status()));
      const leading = newest(statuses.filter((status) => status?.isLeader));
      const agree = statuses.filter((status) => leading && status?.leader?.id === leading.replicaId).length;
      if (agree >= (all ? running.length : Math.floor(this.nodes.length / 2) + 1) && agree > 0)
        return this.nodes.find((node) => node.id === leading.nodeId);
      const seconds = Math.floor((Date.now() - started) / 1000);
      if (onWait && seconds >= said) {
        onWait(seconds);
        said += 5;
      }
      await sleep(pollMs);
    }
    throw new Error(`No leader for ${leaderTimeoutMs / 1000} s. ${await logOf(this.running[0] ?? this.nodes[0])}`);
  }
}

/** @returns that of the highest term: a leader that was replaced may not know it yet */
export function newest(statuses) {
  return statuses.toSorted((one, other) => other.term - one.term).at(0);
}

async function logOf(node) {
  return `The log of ${node.id} (${node.logFile}) ends with:\n${await node.lastLines()}`;
}
