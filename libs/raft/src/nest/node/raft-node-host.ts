import {
  Logger,
  type Type,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { ReplaySubject } from 'rxjs';
import { RaftError } from '../../errors/raft-error';
import { NodeEvents } from '../../runtime/events/node-events';
import type { RaftStatus } from '../../runtime/status/status';
import type { HostedNode, NodeFactory } from './hosted-node.interface';
import { initialStatus } from './initial-status';
import { fenceOf } from '../leadership/fence';
import { refuseSkippedAnswers } from './refuse-skipped-answers';
import { findLeadershipHandlers } from '../leadership/find-leadership-handlers';
import { LeadershipHooks } from '../leadership/leadership-hooks';
import { LeadershipTerms } from '../leadership/leadership-terms';
import type { Leadership } from '../leadership/leadership.interface';
import { MachineEvents } from '../common/machine-events';
import { FoundersListWarning } from './founders-list-warning';
import { dataSourceForTables, giveDataSourceOptions } from '../common/named-data-source';
import { providePart } from '../common/provided-part';
import type { RaftSettings } from '../common/raft-settings';
import { RAFT_GROUP } from '../common/raft.tokens';
import { ShutdownHooksWarning } from './shutdown-hooks-warning';
import { StateMachineRegistry } from '../common/state-machine-registry';

/** How long past the node's own bound the application waits for its stop, before it goes on without. */
const STOP_GRACE_MS = 1_000;

/** Makes, starts and stops one group's node with the application that it is part of. */
export class RaftNodeHost
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  /** Replays the last state, to those that come after the end too. */
  readonly status$ = new ReplaySubject<RaftStatus>(1);
  readonly terms = new LeadershipTerms();
  readonly machineEvents = new MachineEvents();
  private readonly logger = new Logger('Raft');
  readonly events: NodeEvents;
  private readonly hooksWarning = new ShutdownHooksWarning(this.logger);
  private readonly foundersWarning: FoundersListWarning;
  private machines: readonly object[] = [];
  private twins: readonly object[] = [];
  private hooks: LeadershipHooks | undefined;
  private readonly finishing: (() => Promise<void>)[] = [];
  private hosted: HostedNode | undefined;
  private last: RaftStatus;
  private started = false;
  private leads = false;
  private stopping: Promise<void> | undefined;
  private closing = false;

  constructor(
    readonly settings: RaftSettings,
    private readonly moduleRef: ModuleRef,
    private readonly discovery: DiscoveryService,
    private readonly createNode: NodeFactory,
  ) {
    const { nodeId, clusterName, group } = settings;
    this.events = new NodeEvents({ nodeId, clusterName, group }, () => this.logger);
    this.last = initialStatus(settings);
    this.foundersWarning = new FoundersListWarning(settings, this.logger);
    this.status$.next(this.last);
  }

  /** @throws RaftError `RAFT_NOT_STARTED` or `RAFT_SHUTTING_DOWN` */
  node(): HostedNode {
    if (this.closing) throw shuttingDown();
    if (!this.started || this.hosted === undefined) throw notStarted();
    return this.hosted;
  }

  /** The classes of the group's state machines; none before `onModuleInit` has ended. */
  get machineTypes(): readonly Type<object>[] {
    return this.machines.map((machine) => machine.constructor as Type<object>);
  }

  /** As of the last change: it costs nothing, and is asked on every guarded call. */
  isLeader(): boolean {
    return this.leads;
  }

  /** @throws RaftError `RAFT_NOT_LEADER`, `RAFT_NOT_STARTED` or `RAFT_SHUTTING_DOWN` */
  fence(): Leadership {
    if (this.stopping !== undefined) throw shuttingDown();
    this.node();
    return fenceOf(this.terms.current, this.status());
  }

  /** @param finish what is waited for once the leadership has ended, while the node takes calls still; it has its own bound */
  beforeStop(finish: () => Promise<void>): void {
    this.finishing.push(finish);
  }

  status(): RaftStatus {
    return this.hosted === undefined ? this.last : this.seen(this.hosted.status());
  }

  async onModuleInit(): Promise<void> {
    this.refuseSecondRoot();
    refuseSkippedAnswers(this.discovery, this.settings);
    const registry = new StateMachineRegistry(this.settings.group, this.discovery, this.moduleRef);
    this.machines = await registry.instantiate();
    if (this.settings.checkDeterminism) this.twins = await registry.instantiate();
    this.hooks = new LeadershipHooks(
      findLeadershipHandlers(this.discovery, this.settings.group, this.logger),
      this.terms.changes,
      this.logger,
      this.settings.shutdownTimeoutMs / 2,
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    const { settings, moduleRef } = this;
    const storage = await providePart('storage', settings.storage, moduleRef);
    giveDataSourceOptions(storage, this.discovery);
    const node = this.createNode({
      settings,
      machines: this.machines,
      twins: this.twins,
      onEvent: this.machineEvents.emit,
      machineEvents: this.machineEvents,
      events: this.events,
      dataSource: (name) => dataSourceForTables(name, this.discovery),
      storage,
      transport: await providePart('transport', settings.transport, moduleRef),
    });
    this.hosted = node;
    node.onStatus((status) => this.changed(status));
    try {
      await node.start();
    } catch (error) {
      await node.stop().catch((late: unknown) => this.logger.warn(`Stopping after a failed start: ${String(late)}`));
      throw error;
    }
    this.started = true;
    this.changed(node.status());
    if (settings.storage !== undefined) this.hooksWarning.arm();
  }

  /**
   * The whole stop is here, while the application's own connections are still open: the store's close says to the database that
   * its owner has gone.
   */
  beforeApplicationShutdown(): Promise<void> {
    return this.stop();
  }

  /** Waits for the same stop, where the phase before was left out. */
  onApplicationShutdown(): Promise<void> {
    return this.stop();
  }

  private stop(): Promise<void> {
    // Assigned before anything of it runs: those whom it tells see that it has begun.
    this.stopping ??= Promise.resolve().then(() => this.stopOnce());
    return this.stopping;
  }

  private async stopOnce(): Promise<void> {
    this.hooksWarning.disarm();
    // What only a leader may do ends here, before another can be elected.
    this.terms.close(shuttingDown());
    await Promise.all([this.hooks?.finished(), ...this.finishing.map((finish) => finish())]);
    this.closing = true;
    const node = this.hosted;
    if (node !== undefined) {
      await withinBound(node.stop(), this.settings.shutdownTimeoutMs + STOP_GRACE_MS).catch((error: unknown) =>
        this.logger.error(`The node ${this.settings.nodeId} didn't stop in order: ${String(error)}`),
      );
      this.changed(node.status());
    }
    this.changed(this.last);
    this.status$.complete();
    this.machineEvents.complete();
  }

  private changed(status: RaftStatus): void {
    this.last = this.seen(status);
    this.leads = this.last.isLeader;
    this.terms.changed(this.last);
    this.status$.next(this.last);
    this.foundersWarning.changed(status);
  }

  /**
   * A node that doesn't take calls yet, or no longer does, leads nobody as far as its application goes: everybody who is told of a
   * leadership may use it at once.
   */
  private seen(status: RaftStatus): RaftStatus {
    return status.isLeader && (this.closing || !this.started) ? { ...status, isLeader: false } : status;
  }

  private refuseSecondRoot(): void {
    const { group } = this.settings;
    const roots = this.discovery
      .getProviders()
      .filter(({ token, instance }) => token === RAFT_GROUP && instance === group);
    if (roots.length > 1)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `RaftModule.forRoot() is imported ${roots.length} times for the group '${group}': an application has one node of a group. Import it once, in the root module; it is global. Another group has a name of its own: forRoot({ group: '…' }).`,
      );
  }
}

function notStarted(): RaftError {
  return new RaftError(
    'RAFT_NOT_STARTED',
    'The Raft node has not started: it starts in onApplicationBootstrap, and this call came before, for instance from a constructor or from onModuleInit. Nothing was done. Move the call to onApplicationBootstrap, or later.',
  );
}

function shuttingDown(): RaftError {
  return new RaftError(
    'RAFT_SHUTTING_DOWN',
    'This node is being stopped. Nothing was done. Try again on another node.',
  );
}

async function withinBound(stopped: Promise<void>, boundMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it took more than ${boundMs} ms`)), boundMs);
  });
  try {
    await Promise.race([stopped, bound]);
  } finally {
    clearTimeout(timer);
  }
}
