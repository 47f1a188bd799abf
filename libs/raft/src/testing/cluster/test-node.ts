import { RaftError } from '../../errors/raft-error';
import type { RaftNode } from '../../runtime/node/raft-node';
import type { RaftStatus } from '../../runtime/status/status';
import { createReplicated, type ReplicatedClient } from '../../state-machine/calls/create-replicated';
import { describeMachineClass, type StateMachineClass } from '../../state-machine/declare/machine-class';
import type { Replicated } from '../../state-machine/calls/replicated';
import type { VirtualProcess } from './virtual-hosts';

/** A life, and what a test sees of it. */
export interface TestProcess extends VirtualProcess {
  readonly machines: ReadonlyMap<StateMachineClass, object>;
  /** Fails what is under way in this life. */
  readonly ended: Promise<never>;
  readonly end: (error: RaftError) => void;
}

/**
 * One node of a {@link TestCluster}, over all its lives: what was got from it serves after a restart, too.
 *
 * @publicApi
 */
export class TestNode {
  private life: TestProcess | undefined;

  /** @internal */
  constructor(
    readonly name: string,
    private readonly drive: <T>(work: Promise<T>) => Promise<T>,
  ) {}

  /** Whether it was started, and neither crashed nor stopped since. */
  get isUp(): boolean {
    return this.life !== undefined;
  }

  /**
   * The node itself, without the application around it: `transferLeadership`, `snapshot`, `members` and the rest. Its promises don't
   * let time pass: `await cluster.ends(node.raft.snapshot())`.
   *
   * @throws RaftError `RAFT_NOT_STARTED` where it is down
   */
  get raft(): RaftNode {
    return this.running().raft;
  }

  /** @throws RaftError `RAFT_NOT_STARTED` where it is down */
  status(): RaftStatus {
    return this.raft.status();
  }

  /** Whether it leads and has committed in its term. */
  get isLeader(): boolean {
    return this.isUp && this.status().isLeader;
  }

  /**
   * The state machine's callers, as `@InjectStateMachine(machine)` injects them on this node. Time passes while a call is under
   * way. A call to a node that is down fails with `RAFT_NOT_STARTED`; one that was under way when it crashed, with
   * `RAFT_INDETERMINATE`.
   */
  get<T extends object>(machine: StateMachineClass<T>): Replicated<T> {
    const call = async <A>(of: (raft: RaftNode) => Promise<A>): Promise<A> => {
      const { raft, ended } = this.running();
      return this.drive(Promise.race([of(raft), ended]));
    };
    const client: ReplicatedClient = {
      propose: (command, options) => call((raft) => raft.propose(command, options)),
      query: (query, options) => call((raft) => raft.query(query, options)),
    };
    return createReplicated(machine, client);
  }

  /**
   * This node's own copy of the state machine, to look at. Nothing may be changed in it.
   *
   * @throws Error the cluster was made without it
   * @throws RaftError `RAFT_NOT_STARTED` where the node is down
   */
  copyOf<T extends object>(machine: StateMachineClass<T>): T {
    const copy = this.running().machines.get(machine);
    if (copy !== undefined) return copy as T;
    throw new Error(
      `${this.name} has no state machine ${describeMachineClass(machine).name}: name its class in createTestCluster(size, { machines: [${machine.name}] }).`,
    );
  }

  /** @internal */
  began(life: TestProcess): void {
    this.life = life;
  }

  /** @internal */
  ended(): TestProcess {
    const life = this.running();
    this.life = undefined;
    return life;
  }

  private running(): TestProcess {
    if (this.life !== undefined) return this.life;
    throw new RaftError(
      'RAFT_NOT_STARTED',
      `${this.name} is down: it crashed, or was stopped. Nothing was done. Start it with cluster.restart('${this.name}').`,
    );
  }
}
