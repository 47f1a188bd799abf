import {
  RaftNode,
  raftNodeOptions,
  MemoryStorage,
  type FounderOptions,
  type RaftNodeSettings,
  type RaftStatus,
} from 'nestjs-raft';
import { SeededRandom } from '../../libs/raft/src/core/random';
import { encodeCommand } from '../../libs/raft/src/state-machine/command-envelope';
import { encodeQuery } from '../../libs/raft/src/state-machine/query-envelope';
import { decodeValue } from '../../libs/raft/src/state-machine/value-codec';
import { MemoryMedium } from '../../libs/raft/src/storage/memory';
import { MemoryNetwork } from '../../libs/raft/src/transport/memory';
import { MachineClock, SimulatedScheduler } from '../../libs/raft/src/testing/simulator/simulated-scheduler';
import { SimulatedProcess } from '../../libs/raft/src/testing/simulator/simulated-process';
import { PHASES, VirtualTime, type VirtualEvent } from '../../libs/raft/src/testing/simulator/virtual-time';
import type { CommandOutcome } from '../../libs/raft/src/state-machine/contract';
import type { Ordered } from '../../libs/raft/src/runtime/raft-node-options';
import { GatedStorage } from './gated-storage';
import { LedgerMachine } from './ledger-machine';

const NETWORK_DELAY_MS = 1;

/** One life of a node of the cluster, with everything of it that a test may touch. */
export interface VirtualNode {
  readonly name: string;
  readonly address: string;
  readonly raft: RaftNode;
  readonly storage: GatedStorage;
  readonly machine: LedgerMachine;
  readonly process: SimulatedProcess;
  readonly logged: string[];
}

/** How a promise ended, once it did. */
export interface Watched<T> {
  value?: T;
  /** The code of its RaftError. */
  code?: string;
  message?: string;
  settled: boolean;
}

/** Nodes in one process and in virtual time: a test says when it passes. */
export class VirtualCluster {
  readonly time = new VirtualTime();
  readonly network: MemoryNetwork;
  readonly founders: readonly FounderOptions[];
  readonly nodes = new Map<string, VirtualNode>();
  private readonly media = new Map<string, MemoryMedium>();
  private readonly random = new SeededRandom(11);

  constructor(size: number) {
    this.network = new MemoryNetwork({
      scheduler: {
        setTimer: (delayMs, task) => this.time.after(delayMs, task),
        clearTimer: (timer) => this.time.cancel(timer as VirtualEvent),
      },
    });
    this.network.setFaults({ minDelayMs: NETWORK_DELAY_MS, maxDelayMs: NETWORK_DELAY_MS });
    this.founders = Array.from({ length: size }, (_, at) => ({ id: `n${at + 1}`, peer: `n${at + 1}:7001` }));
  }

  /** A node that isn't started yet. It gets the store of its life before, if it had one. */
  make(name: string, settings: Partial<RaftNodeSettings> = {}): VirtualNode {
    const process = new SimulatedProcess(this.time, name, () => undefined);
    const clock = new MachineClock(this.time, 1, 0, 0);
    const medium = this.media.get(name) ?? new MemoryMedium();
    this.media.set(name, medium);
    const storage = new GatedStorage(new MemoryStorage(medium));
    const machine = new LedgerMachine();
    const address = `${name}:7001`;
    const logged: string[] = [];
    const log = (message: string): void => void logged.push(message);
    const options = raftNodeOptions({
      nodeId: name,
      clusterName: 'shop',
      founders: this.founders,
      advertise: address,
      storage,
      transport: this.network.transport(address),
      stateMachine: machine,
      scheduler: new SimulatedScheduler(process, clock, new SeededRandom(this.random.nextUint32())),
      logger: { debug: log, log, warn: log, error: log },
      ...settings,
    });
    const node = { name, address, raft: new RaftNode(options), storage, machine, process, logged };
    this.nodes.set(name, node);
    return node;
  }

  /** Starts a node with an empty store that joins through a member. */
  async join(name: string, through: string, settings: Partial<RaftNodeSettings> = {}): Promise<VirtualNode> {
    const node = this.make(name, {
      founders: [{ id: name, peer: `${name}:7001` }],
      join: [`${through}:7001`],
      ...settings,
    });
    await this.ends(node.raft.start());
    return node;
  }

  async startAll(settings: Partial<RaftNodeSettings> = {}): Promise<void> {
    const nodes = this.founders.map(({ id }) => this.make(id, settings));
    await this.ends(Promise.all(nodes.map(({ raft }) => raft.start())));
  }

  /** Starts all, and waits for a leader that every node knows. */
  async startWithLeader(settings: Partial<RaftNodeSettings> = {}): Promise<VirtualNode> {
    await this.startAll(settings);
    return this.leaderKnown();
  }

  async leaderKnown(): Promise<VirtualNode> {
    await this.until(() => {
      const running = [...this.nodes.values()]
        .map(({ raft }) => raft.status())
        .filter(({ phase }) => phase === 'running');
      const leader = running.find(({ isLeader }) => isLeader);
      return leader !== undefined && running.every((status) => status.leader?.name === leader.nodeId);
    });
    return [...this.nodes.values()].find(({ raft }) => raft.status().isLeader)!;
  }

  node(name: string): VirtualNode {
    return this.nodes.get(name)!;
  }

  followers(): readonly VirtualNode[] {
    return [...this.nodes.values()].filter(({ raft }) => !raft.status().isLeader);
  }

  /** The leader, where it is another than `old`. */
  leaderInsteadOf(old: VirtualNode): VirtualNode | undefined {
    return [...this.nodes.values()].find((node) => node !== old && node.raft.status().isLeader);
  }

  /** SIGKILL: nothing of it runs any more, and its sockets close. */
  async kill(node: VirtualNode): Promise<void> {
    node.process.crash();
    this.nodes.delete(node.name);
    const medium = this.media.get(node.name)!;
    medium.owner = undefined;
    await node.storage.detach();
    await this.network.listenerAt(node.address)?.stop();
  }

  /** Another process opens the store of a node that is still alive. */
  takeStoreFrom(node: VirtualNode): void {
    const medium = this.media.get(node.name)!;
    medium.owner = {};
    medium.epoch++;
  }

  wipe(name: string): void {
    this.media.delete(name);
  }

  /** Goes on for so many virtual milliseconds. */
  async pass(ms: number): Promise<void> {
    await settle();
    const untilMs = this.time.nowMs + ms;
    this.time.schedule(untilMs, PHASES.deferred, () => undefined);
    while (this.time.runNext(untilMs)) await settle();
  }

  async until(holds: () => boolean, limitMs = 20_000): Promise<void> {
    const untilMs = this.time.nowMs + limitMs;
    await settle();
    while (!holds()) {
      if (!this.time.runNext(untilMs)) throw new Error(`it did not come true within ${limitMs} ms`);
      await settle();
    }
  }

  /** Lets time pass until `work` has ended. */
  async ends<T>(work: Promise<T>, limitMs = 20_000): Promise<T> {
    const watched = watch(work);
    await this.until(() => watched.settled, limitMs);
    return work;
  }

  /** @returns how `work` ended: its value, or the code of its error */
  async outcome<T>(work: Promise<T>, limitMs = 20_000): Promise<Watched<T>> {
    const watched = watch(work);
    await this.until(() => watched.settled, limitMs);
    return watched;
  }

  async stopAll(): Promise<void> {
    for (const { storage } of this.nodes.values()) storage.openAll();
    await this.ends(Promise.all([...this.nodes.values()].map(({ raft }) => raft.stop())));
  }
}

/** Lets every promise go as far as it can. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function watch<T>(work: Promise<T>): Watched<T> {
  const watched: Watched<T> = { settled: false };
  work.then(
    (value) => Object.assign(watched, { settled: true, value }),
    (error: { code?: string; message: string }) =>
      Object.assign(watched, { settled: true, code: error.code ?? 'none', message: error.message }),
  );
  return watched;
}

export function add(text: string): Uint8Array {
  return encodeCommand({ machine: 'ledger', command: 'add', args: [text] });
}

export const ALL = encodeQuery({ machine: 'ledger', query: 'all', args: [] });

export function valueOf(result: Ordered<CommandOutcome> | undefined): unknown {
  const outcome = result?.value;
  return outcome?.status === 'applied' && outcome.value !== undefined ? decodeValue(outcome.value) : outcome;
}

export type { RaftStatus };
