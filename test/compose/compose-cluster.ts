import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { RaftStatus } from 'nestjs-raft';
import { eventually } from '../support/eventually';
import { freePorts } from '../support/free-ports';
import { type Answer, HttpClient, type RequestOptions } from '../support/http-client';
import { testRun } from '../support/test-run';
import { docker } from './docker-engine';

export type NodeName = 'node-a' | 'node-b' | 'node-c';
export const NODES: readonly NodeName[] = ['node-a', 'node-b', 'node-c'];

const COMPOSE_FILE = resolve(__dirname, '..', '..', 'docker-compose.yml');
/** Starting an image from nothing downloads it and everything that it installs. */
const WAIT_SECONDS = 300;
const PATIENCE_MS = 90_000;
/** For one attempt among several: below the ten seconds that a node waits for a leader. */
const ATTEMPT_MS = 3_000;

/** The cluster of docker-compose.yml under a project name and ports of its own. `remove()` leaves no container and no volume. */
export class ComposeCluster {
  private readonly http = new HttpClient();
  private readonly forgetExit: () => void;
  private adminToken = '';

  private constructor(
    readonly project: string,
    private readonly ports: Readonly<Record<NodeName, number>>,
  ) {
    this.forgetExit = testRun().onProcessExit(() => {
      spawnSync('docker', this.composeArguments('down', '--volumes', '--timeout', '0'), { env: this.environment });
    });
  }

  static async prepare(): Promise<ComposeCluster> {
    const [a, b, c] = await freePorts(3);
    return new ComposeCluster(`nestjs-raft-test-${process.pid}`, { 'node-a': a!, 'node-b': b!, 'node-c': c! });
  }

  /** Builds the image and waits until all containers are healthy. */
  async up(): Promise<void> {
    await this.compose('up', '--detach', '--build', '--wait', '--wait-timeout', String(WAIT_SECONDS));
    this.adminToken = (await this.compose('exec', '-T', 'node-a', 'cat', '/secrets/admin')).trim();
  }

  compose(...args: string[]): Promise<string> {
    return docker(this.composeArguments(...args), this.environment);
  }

  async remove(): Promise<void> {
    this.http.close();
    await this.compose('down', '--volumes', '--timeout', '0');
    this.forgetExit();
  }

  container(service: string): string {
    return `${this.project}-${service}-1`;
  }

  async kill(...services: string[]): Promise<void> {
    await docker(['kill', ...services.map((service) => this.container(service))]);
  }

  /** By name: `docker kill` counts as a stop by hand, after which the restart policy brings nothing back. */
  async start(...services: string[]): Promise<void> {
    await docker(['start', ...services.map((service) => this.container(service))]);
  }

  async cutOff(node: NodeName): Promise<void> {
    await docker(['network', 'disconnect', `${this.project}_mesh`, this.container(node)]);
  }

  /** With its alias, without which the others don't find it any more. */
  async connect(node: NodeName): Promise<void> {
    await docker(['network', 'connect', '--alias', node, `${this.project}_mesh`, this.container(node)]);
  }

  /** @throws NoAnswerError */
  send(node: NodeName, path: string, options: RequestOptions = {}): Promise<Answer> {
    return this.http.send(`http://127.0.0.1:${this.ports[node]}${path}`, options);
  }

  /** Writes through these nodes, one after the other, until one of them answers 200. */
  write(path: string, json: string, through: readonly NodeName[] = NODES): Promise<NodeName> {
    let attempt = 0;
    return eventually(
      `a write of ${path} is acknowledged by one of ${through.join(', ')}`,
      async () => {
        const node = through[attempt++ % through.length]!;
        const { status } = await this.send(node, path, { method: 'PUT', body: json, timeoutMs: ATTEMPT_MS });
        return status === 200 ? node : undefined;
      },
      { withinMs: PATIENCE_MS },
    );
  }

  /** Waits until a read through this node gives this value. */
  async reads(node: NodeName, path: string, json: string): Promise<void> {
    let last = 'nothing';
    await eventually(
      `${path} through ${node} is ${json}`,
      async () => {
        const { status, body } = await this.send(node, path, { timeoutMs: ATTEMPT_MS });
        last = `${status} ${body}`;
        return (status === 200 && body === json) || undefined;
      },
      { withinMs: PATIENCE_MS, describe: () => `it is ${last}` },
    );
  }

  async status(node: NodeName): Promise<RaftStatus> {
    const headers = { authorization: `Bearer ${this.adminToken}` };
    const { body } = await this.send(node, '/_raft/status', { timeoutMs: ATTEMPT_MS, headers });
    return JSON.parse(body) as RaftStatus;
  }

  /** Waits until one of these nodes leads. */
  leader(among: readonly NodeName[] = NODES): Promise<NodeName> {
    return eventually(
      `one of ${among.join(', ')} leads`,
      async () => {
        const answers = await Promise.allSettled(among.map((node) => this.status(node)));
        return among.find((_, at) => {
          const answer = answers[at]!;
          return answer.status === 'fulfilled' && answer.value.isLeader;
        });
      },
      { withinMs: PATIENCE_MS },
    );
  }

  async becomesHealthy(node: NodeName): Promise<void> {
    await eventually(
      `${node} is healthy`,
      async () => (await this.send(node, '/_health', { timeoutMs: ATTEMPT_MS })).status === 200 || undefined,
      { withinMs: PATIENCE_MS },
    );
  }

  private composeArguments(...args: string[]): string[] {
    return ['compose', '--file', COMPOSE_FILE, '--project-name', this.project, ...args];
  }

  private get environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      NODE_A_PORT: String(this.ports['node-a']),
      NODE_B_PORT: String(this.ports['node-b']),
      NODE_C_PORT: String(this.ports['node-c']),
    };
  }
}
