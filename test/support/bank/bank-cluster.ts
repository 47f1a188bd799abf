import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compileForNode } from '../compile-for-node';
import { eventually } from '../eventually';
import { freePorts } from '../free-ports';
import { type Answer, HttpClient } from '../http-client';
import { testRun } from '../test-run';
import type { TransferRequest } from './bank-app';
import { BankDatabase } from './bank-database';
import { type BankContent, BankNode } from './bank-node';

/** Entries that a node missed are applied one by one, and a busy machine takes long for each. */
const PATIENCE_MS = 180_000;
const IDS = ['n1', 'n2', 'n3'] as const;

export interface BankClusterOptions {
  /** How long a node tries a command again after errors of its database, before it stops. */
  readonly retryForMs: number;
}

/**
 * Three processes of the bank. The log of the first is in the tables' database, that of the second in another one on the same
 * server, and that of the third on a server of its own.
 */
export class BankCluster {
  private readonly forgetExit: () => void;

  private constructor(
    readonly nodes: readonly BankNode[],
    private readonly databases: readonly BankDatabase[],
    private readonly directory: string,
    private readonly http: HttpClient,
  ) {
    this.forgetExit = testRun().onProcessExit(() => this.endNow());
  }

  static async start({ retryForMs }: BankClusterOptions): Promise<BankCluster> {
    const directory = mkdtempSync(path.join(tmpdir(), 'bank-'));
    const http = new HttpClient();
    const main = await compileForNode(
      'test/support/bank/bank-app.ts',
      'test/support/bank/bank-entities.ts',
      'test/support/bank/bank-migration.ts',
    );
    const tables = IDS.map((id) => new BankDatabase(path.join(directory, id)));
    const ownLog = new BankDatabase(path.join(directory, 'n3-log'));
    const databases = [...tables, ownLog];
    try {
      await Promise.all(databases.map((database) => database.start()));
      const logUrls = [undefined, await tables[1]!.withLogDatabase(), ownLog.url];
      const ports = await freePorts(2 * IDS.length);
      const members = IDS.map((id, at) => ({
        id,
        peer: `127.0.0.1:${ports[2 * at + 1]!}`,
        http: `http://127.0.0.1:${ports[2 * at]!}`,
      }));
      const nodes = IDS.map((id, at) => {
        const [httpPort, peerPort] = [ports[2 * at]!, ports[2 * at + 1]!];
        const databaseUrl = tables[at]!.url;
        const settings = { id, httpPort, peerPort, members, databaseUrl, logUrl: logUrls[at], retryForMs };
        return new BankNode(settings, tables[at]!, at === 2 ? ownLog : undefined, directory, main, http);
      });
      const cluster = new BankCluster(nodes, databases, directory, http);
      for (const node of nodes) node.start();
      await cluster.leader();
      return cluster;
    } catch (error) {
      for (const database of databases) database.killNow();
      throw error;
    }
  }

  /** The node that leads by its own word, in the highest term. */
  leader(): Promise<BankNode> {
    return eventually(
      'a leader',
      async () => {
        const statuses = await Promise.all(this.nodes.map((node) => node.status()));
        const leading = statuses.filter((status) => status?.isLeader === true).toSorted((a, b) => b!.term - a!.term);
        return this.nodes.find(({ id }) => id === leading[0]?.nodeId);
      },
      { withinMs: PATIENCE_MS, describe: () => this.describe() },
    );
  }

  /** Asks any node that runs until it is done. */
  async post(where: string): Promise<void> {
    let turn = 0;
    await eventually(
      `POST ${where}`,
      async () => {
        const node = this.nodes[turn++ % this.nodes.length]!;
        const { status, body } = await this.http.send(`${node.url}/${where}`, { method: 'POST' });
        if (status === 201) return true;
        throw new Error(`${node.id} answers ${status} ${body}`);
      },
      { withinMs: PATIENCE_MS, describe: () => this.describe() },
    );
  }

  /** @param key makes a repetition safe */
  transfer(node: BankNode, request: TransferRequest, key: string | undefined): Promise<Answer> {
    return this.http.send(`${node.url}/transfers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
      body: JSON.stringify(request),
    });
  }

  /** Every node's, once all have applied what is committed now. */
  async contents(): Promise<readonly BankContent[]> {
    for (const node of this.nodes) await this.untilCaughtUp(node);
    return Promise.all(this.nodes.map((node) => node.content()));
  }

  /** Until a node has applied what is committed now. */
  async untilCaughtUp(node: BankNode): Promise<void> {
    const commit = (await (await this.leader()).status())?.commitIndex ?? 0;
    await eventually(
      `${node.id} has applied entry ${commit}`,
      async () => ((await node.status())?.appliedIndex ?? -1) >= commit || undefined,
      { withinMs: PATIENCE_MS, describe: () => this.describe() },
    );
  }

  /** What the nodes and their databases say of themselves. */
  async describe(): Promise<string> {
    const parts = await Promise.all(
      this.nodes.map(async (node) => {
        const status = JSON.stringify({ ...(await node.status()), members: undefined });
        return [`--- ${node.id}: ${status}`, await node.tables.activity(), node.logText().slice(-6_000)].join('\n');
      }),
    );
    return parts.join('\n');
  }

  async stop(): Promise<void> {
    if (testRun().failed) process.stderr.write(`${await this.describe()}\n`);
    this.http.close();
    for (const node of this.nodes) node.killNow();
    await Promise.all(this.nodes.map((node) => node.ended()));
    await Promise.all(this.databases.map((database) => database.stop()));
    this.forgetExit();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  private endNow(): void {
    for (const node of this.nodes) node.killNow();
    for (const database of this.databases) database.killNow();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
