// The nodes of the demo together.
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeProcess } from './node-process.mjs';

const electionTimeoutMs = 60_000;

export class DemoCluster {
  /** @param {{ports: Array<{http: number, peer: number}>, storage: string, dataDir: string}} settings */
  constructor({ ports, storage, dataDir }) {
    const founders = ports.map(({ http, peer }, at) => `n${at + 1}=127.0.0.1:${http}/${peer}`).join(',');
    this.nodes = ports.map(
      (pair, at) => new NodeProcess({ id: `n${at + 1}`, ports: pair, founders, storage, dataDir }),
    );
  }

  async start() {
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  killNow() {
    for (const node of this.nodes) node.killNow();
  }

  /**
   * @param {{all?: boolean, onWait?: (seconds: number) => void}} [options] `all`: every running node has to know the leader
   * @returns the node that leads, as a majority of the running ones says
   * @throws {Error} where there is none for a minute, with the last lines of a node's log
   */
  async leader({ all = false, onWait } = {}) {
    const started = Date.now();
    for (let said = 5; Date.now() - started < electionTimeoutMs;) {
      const running = this.nodes.filter((node) => node.running);
      const dead = this.nodes.find((node) => !node.running && node.diedWith !== undefined);
      if (dead !== undefined) throw new Error(`${dead.id} ended (${dead.diedWith}):\n${await dead.lastLines()}`);
      const statuses = await Promise.all(running.map((node) => node.status()));
      const leading = statuses.find((status) => status?.isLeader);
      const agree = statuses.filter((status) => leading && status?.leader?.id === leading.replicaId).length;
      if (agree >= (all ? running.length : Math.floor(this.nodes.length / 2) + 1)) {
        return this.nodes.find((node) => node.id === leading.nodeId);
      }
      const seconds = Math.floor((Date.now() - started) / 1000);
      if (onWait && seconds >= said) {
        onWait(seconds);
        said += 5;
      }
      await sleep(100);
    }
    throw new Error(
      `No leader for ${electionTimeoutMs / 1000} s. The log of n1 ends with:\n${await this.nodes[0].lastLines()}`,
    );
  }
}
