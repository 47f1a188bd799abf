import { RaftError } from '../../errors/raft-error';
import type { RaftLogger } from '../../runtime/base/logger';
import type { StateMachineClass } from '../../state-machine/declare/machine-class';
import { StateMachineHost } from '../../state-machine/host/state-machine-host';
import type { MemoryNetwork } from '../../transport/memory';
import { describeNodes, leaderAmong } from './cluster-view';
import type { TestClusterOptions, TestMachine, TestWaitOptions } from './test-cluster-options';
import { TestNode, type TestProcess } from './test-node';
import { DEFAULT_LIMIT_MS } from './time-driver';
import { addressOf, VirtualHosts } from './virtual-hosts';

const LARGEST = 9;

/**
 * A cluster within one test: its nodes are in this process, their network and stores in its memory, and their time is
 * virtual. It passes while something waits for it (a call of a node, or a wait of the cluster), as fast as the machine can,
 * and stands still otherwise: a test of a minute's story takes milliseconds, and ends the same in each run. Nothing of it keeps
 * the process alive.
 *
 * @publicApi
 */
export class TestCluster {
  private readonly hosts: VirtualHosts;
  private readonly byName = new Map<string, TestNode>();
  private readonly options: TestClusterOptions;

  /** @internal */
  constructor(size: number, options: TestClusterOptions) {
    if (!Number.isSafeInteger(size) || size < 1 || size > LARGEST)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `createTestCluster(${String(size)}): the number of nodes must be a whole number from 1 to ${LARGEST}.`,
      );
    this.options = options;
    this.hosts = new VirtualHosts(size, options.seed ?? 1);
    for (const { id } of this.hosts.founders) this.addNode(id);
  }

  /** All nodes, those that are down included, in the order of their making. */
  get nodes(): readonly TestNode[] {
    return [...this.byName.values()];
  }

  /** Virtual milliseconds since the cluster was made. */
  get nowMs(): number {
    return this.hosts.driver.time.nowMs;
  }

  /** What is between the nodes, for faults that {@link TestCluster.partition} doesn't make: losses, delays, a cut of one way. Addresses are `n1:7001` and so on. */
  get network(): MemoryNetwork {
    return this.hosts.network;
  }

  /**
   * @param name `n1` and so on
   * @throws Error there is none of this name
   */
  node(name: string): TestNode {
    const node = this.byName.get(name);
    if (node !== undefined) return node;
    throw new Error(`There is no node '${name}' in this cluster: it has ${[...this.byName.keys()].join(', ')}.`);
  }

  /**
   * Cuts the network between groups of nodes; within a group it goes on. Nodes that no group names are a group, too. It takes the
   * place of the partition before. Connections stay open and say nothing, as on a real network.
   *
   * @example `cluster.partition(['n1'], ['n2', 'n3'])`
   */
  partition(...groups: readonly (readonly string[])[]): void {
    const named = new Set(groups.flat().map((name) => this.node(name).name));
    const rest = [...this.byName.keys()].filter((name) => !named.has(name));
    const sides = [...groups, rest].map((names) => names.map(addressOf));
    this.heal();
    sides.forEach((side, at) => sides.slice(at + 1).forEach((other) => this.network.partition(side, other)));
  }

  /** Ends the partition, and every cut of {@link TestCluster.network}. */
  heal(): void {
    this.network.heal();
  }

  /** Kills a node as SIGKILL does: what it had under way is cut off, its connections close, its store stays as it is. */
  async crash(name: string): Promise<void> {
    const life = this.node(name).ended();
    await this.hosts.kill(life);
    life.end(
      new RaftError(
        'RAFT_INDETERMINATE',
        `${name} crashed while this call was under way: it may or may not have taken effect. Look on another node.`,
      ),
    );
  }

  /** Stops a node in order, as SIGTERM does: a leader hands over first. */
  async stop(name: string): Promise<void> {
    await this.ends(this.node(name).raft.stop());
    this.node(name).ended();
  }

  /** Starts a node that is down, on the store that it had. */
  async restart(name: string): Promise<TestNode> {
    const node = this.node(name);
    if (node.isUp) throw new Error(`${name} is running: crash or stop it first.`);
    await this.start(node);
    return node;
  }

  /**
   * A further node, which joins the cluster through the nodes that run: it catches up as a learner, and votes then.
   *
   * @returns when it is a voter
   */
  async join(name: string, wait: TestWaitOptions = {}): Promise<TestNode> {
    if (this.byName.has(name)) throw new Error(`There is a node '${name}' already: a node that joins has a new name.`);
    const join = this.nodes.filter(({ isUp }) => isUp).map((node) => addressOf(node.name));
    const node = this.addNode(name);
    await this.start(node, join);
    await this.waitUntil(
      () => node.status().members.some((member) => member.name === name && member.voter),
      `${name} to be a voter`,
      wait,
    );
    return node;
  }

  /** Lets so many virtual milliseconds pass. */
  advance(ms: number): Promise<void> {
    if (!Number.isFinite(ms) || ms < 0)
      throw new RangeError(`advance(${String(ms)}): write a number of milliseconds from 0 on.`);
    return this.hosts.driver.pass(ms);
  }

  /** Lets time pass until a promise of a node has ended, and ends like it. */
  ends<T>(work: Promise<T>, { limitMs = DEFAULT_LIMIT_MS }: TestWaitOptions = {}): Promise<T> {
    return this.hosts.driver.ends(work, limitMs, () => this.waitedInVain('the promise to end', limitMs));
  }

  /**
   * Lets time pass until something holds.
   *
   * @param what completes "waited for …" in the sentence with which it fails
   * @throws Error it didn't come true in time; what every node was doing is in the sentence
   */
  waitUntil(
    holds: () => boolean,
    what = 'the condition to hold',
    { limitMs = DEFAULT_LIMIT_MS }: TestWaitOptions = {},
  ): Promise<void> {
    return this.hosts.driver.until(holds, limitMs, () => this.waitedInVain(what, limitMs));
  }

  /**
   * Lets time pass until there is a leader that a majority of the members follow, itself among them. During a partition, name the
   * side that counts: `waitForLeader({ among: ['n2', 'n3'] })`.
   *
   * @throws Error none was there in time
   */
  async waitForLeader(wait: TestWaitOptions = {}): Promise<TestNode> {
    await this.waitUntil(() => leaderAmong(this.counting(wait)) !== undefined, 'a leader', wait);
    return leaderAmong(this.counting(wait))!;
  }

  /**
   * Lets time pass until every node that runs has applied this index.
   *
   * @param index of `$ordered()`. Default: all that is committed on any of them when this is called
   * @throws Error one of them had not in time
   */
  waitForApplied(index?: number, wait: TestWaitOptions = {}): Promise<void> {
    const committed = Math.max(0, ...this.counting(wait).map((node) => node.status().commitIndex));
    const wanted = index ?? committed;
    return this.waitUntil(
      () => this.counting(wait).every((node) => node.status().appliedIndex >= wanted),
      `index ${wanted} to be applied${wait.among === undefined ? '' : ` on ${wait.among.join(', ')}`}`,
      wait,
    );
  }

  /** Stops every node that runs, in order. A test may leave it out: nothing of the cluster keeps the process alive. */
  async close(): Promise<void> {
    this.heal();
    const running = this.nodes.filter(({ isUp }) => isUp);
    await this.ends(Promise.all(running.map(({ raft }) => raft.stop())));
    for (const node of running) node.ended();
  }

  /** @internal */
  async startFounders(): Promise<void> {
    await Promise.all(this.nodes.map((node) => this.start(node)));
  }

  private addNode(name: string): TestNode {
    const node = new TestNode(name, (work) => this.ends(work, { limitMs: Infinity }));
    this.byName.set(name, node);
    return node;
  }

  private async start(node: TestNode, join: readonly string[] = []): Promise<void> {
    const { machines: _machines, seed: _seed, onLine: _onLine, ...settings } = this.options;
    const { name } = node;
    const machines = new Map((this.options.machines ?? []).map((machine) => made(machine, name)));
    const logger = this.loggerOf(name);
    const life = this.hosts.boot(name, {
      ...settings,
      ...(join.length > 0 && { join, founders: [{ id: name, peer: addressOf(name) }] }),
      stateMachine: new StateMachineHost([...machines.values()], { logger }),
      logger,
    });
    let end!: (error: RaftError) => void;
    const ended = new Promise<never>((_resolve, reject) => (end = reject));
    ended.catch(() => undefined);
    const testLife: TestProcess = { ...life, machines, ended, end };
    await this.ends(life.raft.start());
    node.began(testLife);
  }

  private loggerOf(name: string): RaftLogger {
    const tell = (message: string): void => this.options.onLine?.(`${name} at ${this.nowMs} ms: ${message}`);
    return { debug: tell, log: tell, warn: tell, error: tell };
  }

  private counting({ among }: TestWaitOptions): readonly TestNode[] {
    return among === undefined ? this.nodes.filter(({ isUp }) => isUp) : among.map((name) => this.node(name));
  }

  private waitedInVain(what: string, limitMs: number): string {
    const inVain =
      limitMs === Infinity ? 'nothing is left that could happen' : `it took more than ${limitMs} virtual ms`;
    return `The cluster waited for ${what}, and ${inVain}:\n${describeNodes(this.nodes)}`;
  }
}

function made(machine: TestMachine, node: string): readonly [StateMachineClass, object] {
  return 'create' in machine ? [machine.type, machine.create(node)] : [machine, new machine()];
}

/**
 * Makes a cluster and starts its nodes; wait for a leader before anything else.
 *
 * @param size how many nodes, 1 to 9; their names are `n1`, `n2`, …
 * @throws RaftError `RAFT_CONFIGURATION` a class can't be a state machine, or an option is wrong
 * @example
 * ```ts
 * const cluster = await createTestCluster(3, { machines: [Counters] });
 * const leader = await cluster.waitForLeader();
 * await leader.get(Counters).increment('visits');
 * await cluster.crash(leader.name);
 * const next = await cluster.waitForLeader();
 * expect(await next.get(Counters).current('visits')).toBe(1);
 * ```
 * @publicApi
 */
export async function createTestCluster(size: number, options: TestClusterOptions = {}): Promise<TestCluster> {
  const cluster = new TestCluster(size, options);
  await cluster.startFounders();
  return cluster;
}
