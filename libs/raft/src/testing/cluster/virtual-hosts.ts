import { SeededRandom } from '../../core/base/random';
import { raftNodeOptions, type RaftNodeSettings } from '../../runtime/options/default-options';
import { RaftNode } from '../../runtime/node/raft-node';
import type { FounderOptions } from '../../runtime/options/raft-node-options';
import type { RaftStorage } from '../../storage/contract';
import { MemoryMedium, MemoryStorage } from '../../storage/memory';
import { MemoryNetwork } from '../../transport/memory';
import { SimulatedProcess } from '../simulator/simulated/simulated-process';
import { MachineClock, SimulatedScheduler } from '../simulator/simulated/simulated-scheduler';
import type { VirtualEvent } from '../simulator/base/virtual-time';
import { ProcessStorage } from './process-storage';
import { TimeDriver } from './time-driver';

const PORT = 7001;
/** A message takes so long, unless a test sets faults. */
const NETWORK_DELAY_MS = 1;

/** One life of a node: from its start to its crash or stop. */
export interface VirtualProcess {
  readonly name: string;
  readonly address: string;
  readonly raft: RaftNode;
  readonly process: SimulatedProcess;
}

/** What a life is made with; everything else has its default. */
export type VirtualLifeSettings = Partial<RaftNodeSettings> & Pick<RaftNodeSettings, 'stateMachine'>;

/** Machines in one process and in virtual time, each with a store that outlives its nodes, and the network between them. */
export class VirtualHosts {
  readonly driver = new TimeDriver();
  readonly network: MemoryNetwork;
  readonly founders: readonly FounderOptions[];
  private readonly media = new Map<string, MemoryMedium>();
  private readonly random: SeededRandom;

  /** @param seed for everything that is left to chance, election time-outs among it */
  constructor(size: number, seed: number) {
    const { time } = this.driver;
    this.random = new SeededRandom(seed);
    this.network = new MemoryNetwork({
      seed,
      scheduler: {
        setTimer: (delayMs, task) => time.after(delayMs, task),
        clearTimer: (timer) => time.cancel(timer as VirtualEvent),
      },
    });
    this.network.setFaults({ minDelayMs: NETWORK_DELAY_MS, maxDelayMs: NETWORK_DELAY_MS });
    this.founders = Array.from({ length: size }, (_, at) => ({ id: `n${at + 1}`, peer: addressOf(`n${at + 1}`) }));
  }

  /**
   * A node that isn't started yet. It gets the store of its life before, if it had one. Its address is that of its name, or
   * what `advertise` says.
   *
   * @param around what a test puts between the node and its store
   */
  boot(
    name: string,
    settings: VirtualLifeSettings,
    around = (storage: RaftStorage): RaftStorage => storage,
  ): VirtualProcess {
    const { time } = this.driver;
    const process = new SimulatedProcess(time, name, () => undefined);
    const medium = this.media.get(name) ?? new MemoryMedium();
    this.media.set(name, medium);
    const address = settings.advertise ?? addressOf(name);
    const options = raftNodeOptions({
      nodeId: name,
      founders: this.founders,
      advertise: address,
      storage: around(new ProcessStorage(new MemoryStorage(medium), process)),
      transport: this.network.transport(address),
      scheduler: new SimulatedScheduler(
        process,
        new MachineClock(time, 1, 0, 0),
        new SeededRandom(this.random.nextUint32()),
      ),
      ...settings,
    });
    return { name, address, raft: new RaftNode(options), process };
  }

  /** SIGKILL: nothing of it runs any more, and its sockets close. */
  async kill({ name, address, process }: VirtualProcess): Promise<void> {
    process.crash();
    this.media.get(name)!.owner = undefined;
    await this.network.listenerAt(address)?.stop();
  }

  /** Another process opens the store of a node that is still alive. */
  takeStoreFrom(name: string): void {
    const medium = this.media.get(name)!;
    medium.owner = {};
    medium.epoch++;
  }

  /** Another machine gets a copy of the node's disk as it is now; the node may go on. */
  copyDisk(name: string, to: string): void {
    this.media.set(to, this.media.get(name)!.copy());
  }

  wipe(name: string): void {
    this.media.delete(name);
  }

  /** @returns the node's disk itself: what is changed on it, the node reads */
  mediumOf(name: string): MemoryMedium {
    return this.media.get(name)!;
  }

  /** @returns a copy of the node's disk as it is now, whether the node runs or not */
  backUp(name: string): MemoryMedium {
    return this.media.get(name)!.copy();
  }

  /** The disk is as it was when the copy was made; the node must not run. */
  putBack(name: string, backup: MemoryMedium): void {
    this.media.set(name, backup.copy());
  }
}

/** Where the peers of this node reach it. */
export function addressOf(name: string): string {
  return `${name}:${PORT}`;
}
