import { mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compileForNode } from '../compile-for-node';
import { eventually } from '../eventually';
import { freePorts } from '../free-ports';
import { HttpClient } from '../http-client';
import { testRun } from '../test-run';
import type { ArchiveAppSettings } from './archive-app';
import { ArchiveNode } from './archive-node';

const FOUNDERS = ['n1', 'n2', 'n3'];
const LEADER_TIMEOUT_MS = 150_000;

/** Processes of the archive, each with a Postgres of its own. `stop()` ends and removes all. */
export class ArchiveCluster {
  readonly nodes: ArchiveNode[] = [];
  private readonly ids: string[] = [];
  private readonly http = new HttpClient();
  private readonly forgetExit: () => void;

  private constructor(
    private readonly directory: string,
    private readonly main: string,
  ) {
    this.forgetExit = testRun().onProcessExit(() => {
      this.endNow();
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    });
  }

  static async start(): Promise<ArchiveCluster> {
    const main = await compileForNode(
      'test/support/archive/archive-app.ts',
      'test/support/archive/archive-entities.ts',
    );
    const cluster = new ArchiveCluster(mkdtempSync(path.join(tmpdir(), 'archive-')), main);
    try {
      const ports = await freePorts(2 * FOUNDERS.length);
      const members = FOUNDERS.map((id, at) => ({
        id,
        peer: `127.0.0.1:${ports[2 * at + 1]!}`,
        http: `http://127.0.0.1:${ports[2 * at]!}`,
      }));
      await Promise.all(
        FOUNDERS.map((id, at) => cluster.add({ id, httpPort: ports[2 * at]!, peerPort: ports[2 * at + 1]!, members })),
      );
      await cluster.leader();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Starts a node with an empty database, which joins through these. */
  async join(id: string, through: readonly ArchiveNode[]): Promise<ArchiveNode> {
    const [httpPort, peerPort] = (await freePorts(2)) as [number, number];
    const join = through.map(({ settings }) => `127.0.0.1:${settings.peerPort}`);
    return this.add({ id, httpPort, peerPort, join });
  }

  /** The node that leads by its own word, in the highest term, where all founders that run know it. */
  leader(): Promise<ArchiveNode> {
    return eventually(
      'a leader that all know',
      async () => {
        const founders = this.nodes.filter(({ id }) => FOUNDERS.includes(id));
        const statuses = await Promise.all(founders.map((node) => node.status()));
        const leading = statuses.find((status) => status?.isLeader === true);
        const isKnown = leading && statuses.every((status) => status?.leader?.id === leading.replicaId);
        return isKnown ? founders.find(({ id }) => id === leading.nodeId) : undefined;
      },
      { withinMs: LEADER_TIMEOUT_MS, describe: () => this.logs() },
    );
  }

  logs(): string {
    return this.nodes.map((node) => `--- ${node.id}\n${node.logText().slice(-4_000)}`).join('\n');
  }

  /** Ends every process by its own id, and removes the data. Where a test failed, the nodes' logs are shown. */
  async stop(): Promise<void> {
    if (testRun().failed) process.stderr.write(`${this.logs()}\n`);
    this.endNow();
    await Promise.all(this.nodes.map((node) => node.ended()));
    await Promise.all(this.nodes.map((node) => node.closeDatabase()));
    this.forgetExit();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 20 });
  }

  private async add(settings: Omit<ArchiveAppSettings, 'databaseUrl'>): Promise<ArchiveNode> {
    this.ids.push(settings.id);
    const node = await ArchiveNode.make(settings, this.directory, this.main, this.http);
    this.nodes.push(node);
    node.start();
    return node;
  }

  /** Without waiting for anything: the process of the test run may be ending. */
  private endNow(): void {
    this.http.close();
    for (const node of this.nodes) node.killNow();
    for (const id of this.ids) ArchiveNode.killDatabaseNow(this.directory, id);
  }
}
