import {
  DEFAULT_GROUP,
  KERNEL_LIMITS,
  makeEntry,
  SeededRandom,
  type Configuration,
  type KernelOptions,
  type Message,
} from '../../libs/raft/src/core';
import { initialConfiguration } from '../../libs/raft/src/core/membership/membership';
import { KernelDisk } from './kernel-disk';
import { KernelNode } from './kernel-node';

/** What a node's store holds before the story begins. */
export interface StoredNode {
  /** The term of each entry, from the first on. */
  readonly log?: readonly number[];
  /** Default: that of the last entry. */
  readonly term?: number;
  readonly votedFor?: string;
  readonly commitIndex?: number;
  /** The store was made by another process, so this one abstains from votes at first. Default false. */
  readonly old?: boolean;
}

export interface ClusterOptions extends Partial<
  Pick<
    KernelOptions,
    | 'electionTicks'
    | 'fastFailover'
    | 'leaseMs'
    | 'maxAppendBytes'
    | 'maxInflightMessages'
    | 'maxInflightBytes'
    | 'maxUncommittedBytes'
    | 'maxUnappliedBytes'
    | 'logWindowBytes'
    | 'maxPersistBytes'
  >
> {
  /** Default 3. */
  readonly nodes?: number;
  readonly stores?: Readonly<Record<string, StoredNode>>;
  /** Default: every node is a voter. */
  readonly configuration?: (genesis: Configuration) => Configuration;
  readonly seed?: number;
}

export const TICK_MS = 20;
export const ELECTION_TICKS = 50;
export const ELECTION_TIMEOUT_MS = TICK_MS * ELECTION_TICKS;

/**
 * A few kernels, their stores and the network between them, in one thread: nothing happens but what the story asks for, and
 * messages arrive in the order in which they were sent.
 */
export class KernelCluster {
  nowMs = 10_000;
  readonly nodes: readonly KernelNode[];
  /** On their way. */
  inFlight: Message[] = [];
  /** Every message that was ever sent. */
  readonly sent: Message[] = [];
  /** What `hold` kept back, in order. */
  readonly held: Message[] = [];
  private isHeld: (message: Message) => boolean = () => false;
  private readonly cutLinks = new Set<string>();

  constructor(readonly options: ClusterOptions = {}) {
    const names = Array.from({ length: options.nodes ?? 3 }, (_, at) => `n${at + 1}`);
    const genesis = initialConfiguration(
      names.map((name) => ({ name, peer: `${name}:7001`, http: '', incarnation: `store-of-${name}` })),
    );
    const configuration = options.configuration?.(genesis) ?? genesis;
    this.nodes = names.map((name, at) => this.makeNode(name, at + 1, configuration));
    for (const node of this.nodes) node.settle();
  }

  node(name: string): KernelNode {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  /** `const [n1, n2, n3] = cluster.all` */
  get all(): [KernelNode, KernelNode, KernelNode, KernelNode, KernelNode] {
    return this.nodes as [KernelNode, KernelNode, KernelNode, KernelNode, KernelNode];
  }

  get leaders(): string[] {
    return this.nodes.filter((node) => !node.down && node.role === 'leader').map((node) => node.name);
  }

  /** The node campaigns, wins, and commits its term's first entry; everybody knows. */
  elect(name: string): KernelNode {
    const node = this.node(name);
    node.campaign();
    this.deliver();
    if (node.role !== 'leader') throw new Error(`${name} wasn't elected: it is ${node.role} in term ${node.term}`);
    this.heartbeat(name);
    return node;
  }

  /** The leader's next heartbeat, and what follows from it. */
  heartbeat(name: string): void {
    for (let tick = 0; tick < 5; tick++) {
      this.nowMs += TICK_MS;
      this.node(name).tick();
    }
    this.deliver();
  }

  /** Time passes, but nobody's timer runs. */
  wait(ms: number): void {
    this.nowMs += ms;
  }

  /** Timers run, of all nodes that are up or of those named, and messages arrive between two ticks. */
  tick(count: number, ...names: string[]): void {
    for (let tick = 0; tick < count; tick++) {
      this.nowMs += TICK_MS;
      for (const node of this.nodes) if (!node.down && (names.length === 0 || names.includes(node.name))) node.tick();
      this.deliver();
    }
  }

  /** Messages pass within each part only; what is on its way between two parts is lost. */
  partition(...parts: string[][]): void {
    this.heal();
    const partOf = (node: KernelNode): number => parts.findIndex((part) => part.includes(node.name));
    for (const from of this.nodes)
      for (const to of this.nodes) if (partOf(from) !== partOf(to)) this.cut(from.name, to.name);
  }

  /** Messages from one node to the other are lost; the other way they pass. */
  cut(from: string, to: string): void {
    this.cutLinks.add(`${from}→${to}`);
  }

  heal(): void {
    this.cutLinks.clear();
  }

  /** Matching messages are kept back from now on, until `release`. */
  hold(matches: (message: Message) => boolean): void {
    this.isHeld = matches;
  }

  /** What was kept back arrives, and so does what follows from it. */
  release(): void {
    this.isHeld = () => false;
    this.inFlight.push(...this.held.splice(0));
    this.deliver();
  }

  /** Delivers what is on its way, and what follows from it, until all is quiet. */
  deliver(): void {
    for (let count = 0; this.inFlight.length > 0; count++) {
      if (count > 10_000) throw new Error('the cluster never becomes quiet');
      const message = this.inFlight.shift()!;
      if (this.isHeld(message)) this.held.push(message);
      else this.arrive(message);
    }
  }

  /** What is on its way gets lost. */
  lose(): void {
    this.inFlight = [];
  }

  private arrive(message: Message): void {
    const from = this.nodes[message.from - 1];
    const to = this.nodes[message.to - 1];
    if (to === undefined || to.down || this.cutLinks.has(`${from?.name}→${to.name}`)) return;
    to.receive(message);
  }

  private makeNode(name: string, id: number, configuration: Configuration): KernelNode {
    const { options } = this;
    const stored = options.stores?.[name] ?? {};
    const disk = new KernelDisk({ index: 0, configuration });
    const terms = stored.log ?? [];
    disk.entries = terms.map((term, at) =>
      makeEntry(at + 1, term, {
        kind: 'command',
        schemaVersion: 1,
        data: new TextEncoder().encode(`${at + 1}/${term}`),
      }),
    );
    disk.hardState = {
      term: stored.term ?? terms.at(-1) ?? 0,
      votedFor: stored.votedFor === undefined ? 0 : Number(stored.votedFor.slice(1)),
    };
    disk.commitIndex = stored.commitIndex ?? 0;
    return new KernelNode(
      name,
      {
        ...KERNEL_LIMITS,
        groupId: DEFAULT_GROUP,
        clusterId: 'kernel-tests',
        replicaId: id,
        incarnation: `store-of-${name}`,
        tickMs: TICK_MS,
        heartbeatTicks: 5,
        electionTicks: options.electionTicks ?? ELECTION_TICKS,
        fastFailover: options.fastFailover ?? true,
        leaseMs: options.leaseMs ?? 0,
        maxAppendBytes: options.maxAppendBytes ?? KERNEL_LIMITS.maxAppendBytes,
        maxInflightMessages: options.maxInflightMessages ?? KERNEL_LIMITS.maxInflightMessages,
        maxInflightBytes: options.maxInflightBytes ?? KERNEL_LIMITS.maxInflightBytes,
        maxUncommittedBytes: options.maxUncommittedBytes ?? KERNEL_LIMITS.maxUncommittedBytes,
        maxUnappliedBytes: options.maxUnappliedBytes ?? KERNEL_LIMITS.maxUnappliedBytes,
        logWindowBytes: options.logWindowBytes ?? KERNEL_LIMITS.logWindowBytes,
        maxPersistBytes: options.maxPersistBytes ?? KERNEL_LIMITS.maxPersistBytes,
        random: new SeededRandom((options.seed ?? 1) * 1000 + id),
      },
      disk,
      () => this.nowMs,
      (message) => {
        this.sent.push(message);
        this.inFlight.push(message);
      },
      stored.old !== true,
    );
  }
}
