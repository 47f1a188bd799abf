import type { FounderOptions, RaftNodeSettings } from 'nestjs-raft';
import { encodeCommand } from '../../libs/raft/src/state-machine/entries/command-envelope';
import { encodeQuery } from '../../libs/raft/src/state-machine/entries/query-envelope';
import { decodeValue } from '../../libs/raft/src/state-machine/codec/value-codec';
import type { MemoryMedium } from '../../libs/raft/src/storage/memory';
import type { MemoryNetwork } from '../../libs/raft/src/transport/memory';
import { DEFAULT_LIMIT_MS, settle } from '../../libs/raft/src/testing/cluster/time-driver';
import { addressOf, VirtualHosts, type VirtualProcess } from '../../libs/raft/src/testing/cluster/virtual-hosts';
import type { VirtualTime } from '../../libs/raft/src/testing/simulator/base/virtual-time';
import type { CommandOutcome } from '../../libs/raft/src/state-machine/contract';
import type { Ordered } from '../../libs/raft/src/runtime/base/call-options';
import { GatedStorage } from './gated-storage';
import { LedgerMachine } from './ledger-machine';

/** One life of a node of the cluster, with everything of it that a test may touch. */
export interface VirtualNode extends VirtualProcess {
  readonly storage: GatedStorage;
  readonly machine: LedgerMachine;
  readonly logged: string[];
  /** Those among them that were warnings. */
  readonly warned: string[];
}

/** How a promise ended, once it did. */
export interface Watched<T> {
  value?: T;
  /** The code of its RaftError. */
  code?: string;
  message?: string;
  settled: boolean;
}

/** Nodes in one process and in virtual time: a test says when it passes, and when a store answers. */
export class VirtualCluster {
  readonly nodes = new Map<string, VirtualNode>();
  private readonly hosts: VirtualHosts;

  constructor(size: number) {
    this.hosts = new VirtualHosts(size, 11);
  }

  get time(): VirtualTime {
    return this.hosts.driver.time;
  }

  get network(): MemoryNetwork {
    return this.hosts.network;
  }

  get founders(): readonly FounderOptions[] {
    return this.hosts.founders;
  }

  /** A node that isn't started yet. It gets the store of its life before, if it had one. */
  make(name: string, settings: Partial<RaftNodeSettings> = {}): VirtualNode {
    let storage!: GatedStorage;
    const machine = new LedgerMachine();
    const logged: string[] = [];
    const log = (message: string): void => void logged.push(message);
    const warned: string[] = [];
    const warn = (message: string): void => {
      log(message);
      warned.push(message);
    };
    const logger = { debug: log, log, warn, error: log };
    const life = this.hosts.boot(
      name,
      { clusterName: 'shop', stateMachine: machine, logger, ...settings },
      (inner) => (storage = new GatedStorage(inner)),
    );
    const node = { ...life, storage, machine, logged, warned };
    this.nodes.set(name, node);
    return node;
  }

  /** Starts a node with an empty store that joins through a member. */
  async join(name: string, through: string, settings: Partial<RaftNodeSettings> = {}): Promise<VirtualNode> {
    const node = this.make(name, {
      founders: [{ id: name, peer: addressOf(name) }],
      join: [addressOf(through)],
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
    this.nodes.delete(node.name);
    await this.hosts.kill(node);
  }

  /** Another process opens the store of a node that is still alive. */
  takeStoreFrom(node: VirtualNode): void {
    this.hosts.takeStoreFrom(node.name);
  }

  /** Another machine gets a copy of the node's disk as it is now; the node may go on. */
  copyDisk(name: string, to: string): void {
    this.hosts.copyDisk(name, to);
  }

  /** Kills a node and starts it with its disk at another address, with whatever else its new command line says. */
  async comeBackAt(name: string, address: string, settings: Partial<RaftNodeSettings> = {}): Promise<VirtualNode> {
    const before = this.nodes.get(name);
    if (before !== undefined) await this.kill(before);
    const node = this.make(name, { advertise: address, ...settings });
    await this.ends(node.raft.start());
    return node;
  }

  wipe(name: string): void {
    this.hosts.wipe(name);
  }

  /** @returns the node's disk itself: what is changed on it, the node reads */
  mediumOf(name: string): MemoryMedium {
    return this.hosts.mediumOf(name);
  }

  /** @returns a copy of the node's disk as it is now, whether the node runs or not */
  backUp(name: string): MemoryMedium {
    return this.hosts.backUp(name);
  }

  /** The disk is as it was; the node must not run. */
  putBack(name: string, backup: MemoryMedium): void {
    this.hosts.putBack(name, backup);
  }

  /** Goes on for so many virtual milliseconds. */
  pass(ms: number): Promise<void> {
    return this.hosts.driver.pass(ms);
  }

  until(holds: () => boolean, limitMs = DEFAULT_LIMIT_MS): Promise<void> {
    return this.hosts.driver.until(holds, limitMs, () => `it did not come true within ${limitMs} ms`);
  }

  /** Lets time pass until `work` has ended. */
  ends<T>(work: Promise<T>, limitMs = DEFAULT_LIMIT_MS): Promise<T> {
    return this.hosts.driver.ends(work, limitMs, () => `it did not end within ${limitMs} ms`);
  }

  /** @returns how `work` ended: its value, or the code of its error */
  async outcome<T>(work: Promise<T>, limitMs = DEFAULT_LIMIT_MS): Promise<Watched<T>> {
    const watched = watch(work);
    await this.until(() => watched.settled, limitMs);
    return watched;
  }

  async stopAll(): Promise<void> {
    for (const { storage } of this.nodes.values()) storage.openAll();
    await this.ends(Promise.all([...this.nodes.values()].map(({ raft }) => raft.stop())));
  }
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

export { settle };
