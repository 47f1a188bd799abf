// A cluster of bench/bank-node.ts: processes, each with a Postgres of its own.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processorSeconds } from './processor-time.mjs';
import { startPostgres, startServer } from './servers.mjs';

const patienceMs = 120_000;

export class BankCluster {
  /** @param {{nodes: Array<{id: string, url: string, pids: number[]}>}} parts `pids`: of the process, then of its Postgres */
  constructor({ nodes }) {
    this.nodes = nodes;
    this.leader = undefined;
  }

  /**
   * @param {Array<{http: number, peer: number}>} ports one pair a node
   * @param {string} folder of its data
   * @returns {Promise<BankCluster>} when there is a leader that all know
   */
  static async start(ports, folder, commandsPerTransaction, atEnd) {
    const members = ports.map(({ http, peer }, at) => ({
      id: `n${at + 1}`,
      peer: `127.0.0.1:${peer}`,
      http: `http://127.0.0.1:${http}`,
    }));
    const nodes = await Promise.all(
      members.map(async ({ id, http }, at) => {
        const home = path.join(folder, id);
        const database = await startPostgres(home, atEnd);
        const settings = { id, url: database.url, httpPort: ports[at].http, members, commandsPerTransaction };
        const server = await startServer('bank-node', [JSON.stringify(settings)], atEnd, path.join(home, 'log'));
        return { id, url: http, pids: [server.pid, database.pid] };
      }),
    );
    const cluster = new BankCluster({ nodes });
    await cluster.settle();
    return cluster;
  }

  /** Waits until all nodes know the leader and have applied what it has. @returns how long it took, in seconds */
  async settle() {
    const startedMs = performance.now();
    for (;;) {
      const statuses = await Promise.all(this.nodes.map(statusOf));
      const leading = statuses.find((status) => status?.isLeader);
      this.leader = this.nodes.find(({ id }) => id === leading?.nodeId);
      if (
        statuses.every((status) => leading && status?.leader?.id === leading.replicaId) &&
        statuses.every(({ lastIndex, appliedIndex }) => lastIndex === leading.lastIndex && appliedIndex === lastIndex)
      )
        return (performance.now() - startedMs) / 1000;
      if (performance.now() - startedMs > patienceMs)
        throw new Error(`The nodes don't agree within ${patienceMs / 1000} s: ${JSON.stringify(statuses)}`);
      await sleep(20);
    }
  }

  /** Of all nodes and their databases. */
  processorSeconds() {
    return processorSeconds(this.nodes.flatMap(({ pids }) => pids));
  }

  databaseSeconds() {
    return processorSeconds(this.nodes.flatMap(({ pids }) => pids.slice(1)));
  }
}

async function statusOf({ url }) {
  try {
    const response = await fetch(`${url}/status`, { signal: AbortSignal.timeout(5_000) });
    return response.ok ? await response.json() : undefined;
  } catch {
    return undefined;
  }
}
