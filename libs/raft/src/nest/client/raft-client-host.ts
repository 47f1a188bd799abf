import {
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import { Observable, ReplaySubject, Subject, takeUntil } from 'rxjs';
import { RaftClient } from '../../client/raft-client';
import { raftClientOptions, type RaftClientOptions } from '../../client/raft-client-options';
import type { RaftClientStatus } from '../../client/raft-client-status';
import { RaftError } from '../../errors/raft-error';
import type { GroupId } from '../../core/base/types';
import type { RaftMachineEvent } from '../../state-machine/entries/machine-change';
import { tcpClientTransport } from '../../transport/tcp';
import type { CallHost } from '../common/call-host.interface';
import { RAFT_GROUP } from '../common/raft.tokens';
import type { RaftClientModuleOptions } from './raft-client-module-options.interface';
import { RAFT_CLIENT_GROUP } from './raft-client.tokens';

/** `Record<keyof …>` makes a forgotten name a compile error. */
const OPTION_NAMES: Readonly<Record<keyof RaftClientModuleOptions, true>> = {
  clusterName: true,
  peers: true,
  secret: true,
  secretFile: true,
  tls: true,
  insecure: true,
  clientName: true,
  requestTimeoutMs: true,
  patienceMs: true,
  shutdownTimeoutMs: true,
  limits: true,
  maxFrameBytes: true,
  httpErrors: true,
  tracer: true,
  transport: true,
};

/** Makes, starts and stops one group's client with the application that it is part of. */
export class RaftClientHost
  implements CallHost, OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  /** Replays the last state, to those that come after the end too. */
  readonly status$ = new ReplaySubject<RaftClientStatus>(1);
  readonly machineEvents = { of: (machine: string): Observable<RaftMachineEvent> => this.eventsOf(machine) };
  private readonly options: RaftClientOptions;
  private readonly client: RaftClient;
  private readonly stopped$ = new Subject<void>();
  private started = false;
  private stopping: Promise<void> | undefined;

  constructor(
    options: RaftClientModuleOptions,
    private readonly group: GroupId,
    private readonly discovery: DiscoveryService,
  ) {
    this.options = clientOptions(options, group);
    this.client = new RaftClient(this.options);
    this.status$.next(this.client.status());
    this.client.onStatus((status) => this.status$.next(status));
  }

  /** @throws RaftError `RAFT_NOT_STARTED` or `RAFT_SHUTTING_DOWN` */
  node(): RaftClient {
    if (!this.started)
      throw new RaftError(
        'RAFT_NOT_STARTED',
        'The Raft client has not started: it starts in onApplicationBootstrap, and this call came before, for instance from a constructor or from onModuleInit. Nothing was done. Move the call to onApplicationBootstrap, or later.',
      );
    return this.client;
  }

  status(): RaftClientStatus {
    return this.client.status();
  }

  onModuleInit(): void {
    const { group } = this;
    const roots = this.discovery
      .getProviders()
      .filter(({ token, instance }) => (token === RAFT_GROUP || token === RAFT_CLIENT_GROUP) && instance === group);
    if (roots.length > 1)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `RaftClientModule.forRoot() is imported for the group '${group}', and so is another root: an application is a node of a group, or a client of it, once. Import one of them, in the root module.`,
      );
  }

  onApplicationBootstrap(): void {
    this.started = true;
    this.warnWherePeersProveNothing();
    this.client.start();
  }

  private warnWherePeersProveNothing(): void {
    const { peers, transport } = this.options;
    if (transport.protection === 'insecure')
      new Logger('RaftClient').warn(
        `Nothing tells nodes from others (insecure): every process that answers at ${peers.join(', ')} gets every call of this client. Set secret or tls.`,
      );
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.stop();
  }

  /** Waits for the same stop, where the phase before was left out. */
  onApplicationShutdown(): Promise<void> {
    return this.stop();
  }

  private stop(): Promise<void> {
    this.stopping ??= this.stopOnce();
    return this.stopping;
  }

  private async stopOnce(): Promise<void> {
    await this.client.stop();
    this.status$.complete();
    this.stopped$.next();
    this.stopped$.complete();
  }

  private eventsOf(machine: string): Observable<RaftMachineEvent> {
    return new Observable<RaftMachineEvent>((subscriber) =>
      this.client.watch(
        machine,
        (event) => subscriber.next(event),
        (error) => subscriber.error(error),
      ),
    ).pipe(takeUntil(this.stopped$));
  }
}

/** @throws RaftError `RAFT_CONFIGURATION`, in a sentence that names the option, its value and the remedy */
function clientOptions(options: RaftClientModuleOptions, groupId: GroupId): RaftClientOptions {
  for (const name of Object.keys(options ?? {}))
    if (!Object.hasOwn(OPTION_NAMES, name))
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `RaftClientModule: ${name} is no option. Write one of ${Object.keys(OPTION_NAMES).join(', ')}.`,
      );
  const { secret, secretFile, tls, insecure, maxFrameBytes, httpErrors: _httpErrors, transport, ...rest } = options;
  const logger = new Logger('RaftClient');
  return raftClientOptions({
    ...rest,
    groupId,
    logger,
    transport:
      transport ??
      tcpClientTransport({
        logger,
        ...(secret !== undefined && { secret }),
        ...(secretFile !== undefined && { secretFile }),
        ...(insecure !== undefined && { insecure }),
        ...(tls !== undefined && { tls }),
        ...(maxFrameBytes !== undefined && { maxFrameBytes }),
      }),
  });
}
