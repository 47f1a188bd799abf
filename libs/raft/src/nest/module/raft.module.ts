import {
  Inject,
  Module,
  Optional,
  type DynamicModule,
  type NestModule,
  type Provider,
  type Type,
} from '@nestjs/common';
import {
  APP_FILTER,
  ApplicationConfig,
  DiscoveryModule,
  DiscoveryService,
  HttpAdapterHost,
  ModuleRef,
} from '@nestjs/core';
import type { GroupId } from '../../core/base/types';
import { getRaftAdminToken } from '../services/get-raft-admin-token';
import { getRaftLockToken } from '../primitives/lock/get-raft-lock-token';
import { getRaftEventsToken } from '../services/get-raft-events-token';
import { getRaftToken } from '../services/get-raft-token';
import type { NodeFactory } from '../node/hosted-node.interface';
import { LeaderForwarder } from '../leader-only/leader-forwarder';
import { getRaftJobsToken } from '../jobs/get-raft-jobs-token';
import { JobMachine } from '../jobs/machine/job.machine';
import { jobProviders } from '../jobs/job.providers';
import { interceptHttpErrors } from '../errors/intercept-http-errors';
import { NoExceptionFilter, RaftExceptionFilter } from '../errors/raft-exception.filter';
import { RaftEventsService } from '../services/raft-events.service';
import { RaftFeatureModule } from './raft-feature.module';
import type { RaftModuleOptions } from '../common/raft-module-options.interface';
import { RaftAdminService } from '../services/raft-admin.service';
import { ASYNC_OPTIONS_TYPE, ConfigurableModuleClass, OPTIONS_TYPE } from './raft.module-definition';
import type { RaftPrimitive } from '../common/primitive';
import { LockMachine } from '../primitives/lock/lock.machine';
import { lockProviders } from '../primitives/lock/lock.providers';
import { createRaftNode } from '../node/raft-node.factory';
import { RaftNodeHost } from '../node/raft-node-host';
import { RaftService } from '../services/raft.service';
import { raftSettings, type RaftSettings } from '../common/raft-settings';
import type { RaftFeature } from '../common/state-machine-registry';
import {
  getRaftHostToken,
  getRaftSettingsToken,
  groupName,
  RAFT_FEATURE,
  RAFT_GROUP,
  RAFT_NODE_FACTORY,
  RAFT_OPTIONS,
  RAFT_SETTINGS_FACTORY,
} from '../common/raft.tokens';

/** The options of `RaftModule.forRootAsync()`: `useFactory` with `inject`, `useClass` or `useExisting`, and what must be known before. @publicApi */
export type RaftModuleAsyncOptions = typeof ASYNC_OPTIONS_TYPE;

/**
 * Makes the application a node of a cluster. Import it once, in the root module, with `forRoot` or `forRootAsync`; name the
 * state machines with `forFeature` where they are used.
 *
 * The node starts in `onApplicationBootstrap`, and doesn't wait for a quorum. Call `app.enableShutdownHooks()`, so that it
 * stops in order on SIGTERM.
 *
 * @example
 * ```ts
 * @Module({ imports: [RaftModule.forRoot(), RaftModule.forFeature([Counters])], controllers: [CountersController] })
 * export class AppModule {}
 * ```
 * @publicApi
 */
@Module({})
export class RaftModule extends ConfigurableModuleClass implements NestModule {
  constructor(
    // What `forRoot` provides; a module without it is `RaftModule` itself, imported as it is.
    @Optional() @Inject(RAFT_GROUP) private readonly group: GroupId | undefined,
    private readonly moduleRef: ModuleRef,
    private readonly config: ApplicationConfig,
  ) {
    super();
  }

  /** Nest calls it behind `useGlobalFilters()` and before the routes are made, in applications that serve HTTP. */
  configure(): void {
    if (this.group === undefined) return;
    const { httpErrors } = this.moduleRef.get<RaftSettings>(getRaftSettingsToken(this.group));
    if (httpErrors) {
      const discovery = this.moduleRef.get(DiscoveryService, { strict: false });
      interceptHttpErrors(this.config, discovery, this.moduleRef.get(HttpAdapterHost, { strict: false }));
    }
  }

  /**
   * @param options without any: one node, in memory
   * @throws RaftError `RAFT_CONFIGURATION`, when the application is made
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return asRoot(super.forRoot(options), options.group);
  }

  /** @param options how to make those of {@link forRoot}; `group` and `isGlobal` stand beside the factory */
  static override forRootAsync(options: RaftModuleAsyncOptions): DynamicModule {
    return asRoot(super.forRootAsync(options), options.group);
  }

  /**
   * Registers state machines and provides their callers to the importing module. A machine is made once, however many modules
   * name it.
   *
   * @param machines classes with `@RaftStateMachine(name)`, and primitives: `raftMap('flags')`, `raftCounter('visits')` and the like
   * @param group the group that replicates them. Default: the default group
   * @throws RaftError `RAFT_CONFIGURATION` where a class can't be a state machine
   */
  static forFeature(machines: readonly (Type<object> | RaftPrimitive)[], group?: GroupId): DynamicModule {
    return RaftFeatureModule.of(machines, group);
  }
}

function asRoot(definition: DynamicModule, givenGroup: GroupId | undefined): DynamicModule {
  const group = groupName(givenGroup);
  const settings = getRaftSettingsToken(group);
  const host = getRaftHostToken(group);
  const services = [getRaftToken(group), getRaftAdminToken(group), getRaftEventsToken(group)];
  const providers: Provider[] = [
    { provide: RAFT_GROUP, useValue: group },
    { provide: RAFT_NODE_FACTORY, useValue: createRaftNode },
    { provide: RAFT_SETTINGS_FACTORY, useValue: raftSettings },
    {
      provide: settings,
      inject: [RAFT_OPTIONS, RAFT_SETTINGS_FACTORY],
      useFactory: (options: RaftModuleOptions, checked: typeof raftSettings): RaftSettings => checked(options, group),
    },
    {
      provide: host,
      inject: [settings, ModuleRef, DiscoveryService, RAFT_NODE_FACTORY],
      useFactory: (
        checked: RaftSettings,
        moduleRef: ModuleRef,
        discovery: DiscoveryService,
        createNode: NodeFactory,
      ): RaftNodeHost => new RaftNodeHost(checked, moduleRef, discovery, createNode),
    },
    // On every node of every release, whether it has locks and jobs or not: the first of either needs no new machine.
    {
      provide: RAFT_FEATURE,
      useValue: { group, label: 'RaftModule', machines: [LockMachine, JobMachine] } satisfies RaftFeature,
    },
    ...lockProviders(group),
    ...jobProviders(group),
    ...serviceProviders(group),
    LeaderForwarder,
    {
      provide: APP_FILTER,
      inject: [settings, HttpAdapterHost],
      useFactory: ({ httpErrors }: RaftSettings, adapterHost: HttpAdapterHost) =>
        httpErrors ? new RaftExceptionFilter(adapterHost) : new NoExceptionFilter(),
    },
  ];
  return {
    ...definition,
    imports: [DiscoveryModule, ...(definition.imports ?? [])],
    providers: [...(definition.providers ?? []), ...providers],
    exports: [settings, host, ...services, getRaftLockToken(group), getRaftJobsToken(group)],
  };
}

function serviceProviders(group: GroupId): Provider[] {
  const inject = [getRaftHostToken(group)];
  return [
    {
      provide: getRaftToken(group),
      inject,
      useFactory: (host: RaftNodeHost): RaftService => new RaftService(host),
    },
    {
      provide: getRaftAdminToken(group),
      inject,
      useFactory: (host: RaftNodeHost): RaftAdminService => new RaftAdminService(host),
    },
    {
      provide: getRaftEventsToken(group),
      inject,
      useFactory: (host: RaftNodeHost): RaftEventsService => new RaftEventsService(host),
    },
  ];
}
