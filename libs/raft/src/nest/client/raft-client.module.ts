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
import { interceptHttpErrors } from '../errors/intercept-http-errors';
import { NoExceptionFilter, RaftExceptionFilter } from '../errors/raft-exception.filter';
import { getRaftLockToken } from '../primitives/lock/get-raft-lock-token';
import { lockServiceOf } from '../primitives/lock/lock.providers';
import type { RaftLockService } from '../primitives/lock/raft-lock.service';
import type { RaftPrimitive } from '../common/primitive';
import { groupName } from '../common/raft.tokens';
import { getRaftClientToken } from './get-raft-client-token';
import { RaftClientFeatureModule } from './raft-client-feature.module';
import { RaftClientHost } from './raft-client-host';
import type { RaftClientModuleOptions } from './raft-client-module-options.interface';
import { ASYNC_OPTIONS_TYPE, ConfigurableModuleClass, OPTIONS_TYPE } from './raft-client.module-definition';
import { RaftClientService } from './raft-client.service';
import { getRaftClientHostToken, RAFT_CLIENT_GROUP, RAFT_CLIENT_OPTIONS } from './raft-client.tokens';

/** The options of `RaftClientModule.forRootAsync()`. @publicApi */
export type RaftClientModuleAsyncOptions = typeof ASYNC_OPTIONS_TYPE;

/**
 * Makes the application a client of a cluster, and no member of it: it has no log, no vote and no copy of the state. It gives the same
 * `@InjectStateMachine(Class)` and `RaftLockService` as `RaftModule` does on a node. The nodes let clients in with
 * `peers: { secret, clients: { secret } }`.
 *
 * The client starts in `onApplicationBootstrap`, and waits for no node: calls do, up to their deadline.
 *
 * @example
 * ```ts
 * @Module({
 *   imports: [
 *     RaftClientModule.forRoot({ clusterName: 'shop', peers: ['n1:7001', 'n2:7001', 'n3:7001'], secret: process.env.RAFT_CLIENT_SECRET }),
 *     RaftClientModule.forFeature([Counters]),
 *   ],
 *   controllers: [CountersController],
 * })
 * export class AppModule {}
 * ```
 * @publicApi
 */
@Module({})
export class RaftClientModule extends ConfigurableModuleClass implements NestModule {
  constructor(
    // What `forRoot` provides; a module without it is `RaftClientModule` itself, imported as it is.
    @Optional() @Inject(RAFT_CLIENT_OPTIONS) private readonly options: RaftClientModuleOptions | undefined,
    private readonly moduleRef: ModuleRef,
    private readonly config: ApplicationConfig,
  ) {
    super();
  }

  /** Nest calls it behind `useGlobalFilters()` and before the routes are made, in applications that serve HTTP. */
  configure(): void {
    if (this.options === undefined || this.options.httpErrors === false) return;
    const discovery = this.moduleRef.get(DiscoveryService, { strict: false });
    interceptHttpErrors(this.config, discovery, this.moduleRef.get(HttpAdapterHost, { strict: false }));
  }

  /** @throws RaftError `RAFT_CONFIGURATION`, when the application is made */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    return asRoot(super.forRoot(options), options.group);
  }

  /** @param options how to make those of {@link forRoot}; `group` and `isGlobal` stand beside the factory */
  static override forRootAsync(options: RaftClientModuleAsyncOptions): DynamicModule {
    return asRoot(super.forRootAsync(options), options.group);
  }

  /**
   * Provides the callers of state machines to the importing module. The nodes have the machines (`RaftModule.forFeature`); this
   * application has their classes, and no instance.
   *
   * @param machines classes with `@RaftStateMachine(name)`, and primitives: `raftMap('flags')` and the like
   * @param group the group that replicates them. Default: the default group
   * @throws RaftError `RAFT_CONFIGURATION` where a class can't be a state machine
   */
  static forFeature(machines: readonly (Type<object> | RaftPrimitive)[], group?: GroupId): DynamicModule {
    return RaftClientFeatureModule.of(machines, group);
  }
}

function asRoot(definition: DynamicModule, givenGroup: GroupId | undefined): DynamicModule {
  const group = groupName(givenGroup);
  const host = getRaftClientHostToken(group);
  const service = getRaftClientToken(group);
  const locks = getRaftLockToken(group);
  const providers: Provider[] = [
    { provide: RAFT_CLIENT_GROUP, useValue: group },
    {
      provide: host,
      inject: [RAFT_CLIENT_OPTIONS, DiscoveryService],
      useFactory: (options: RaftClientModuleOptions, discovery: DiscoveryService): RaftClientHost =>
        new RaftClientHost(options, group, discovery),
    },
    {
      provide: service,
      inject: [host],
      useFactory: (clientHost: RaftClientHost): RaftClientService => new RaftClientService(clientHost),
    },
    {
      provide: locks,
      inject: [host],
      useFactory: (clientHost: RaftClientHost): RaftLockService => lockServiceOf(clientHost),
    },
    {
      provide: APP_FILTER,
      inject: [RAFT_CLIENT_OPTIONS, HttpAdapterHost],
      useFactory: ({ httpErrors }: RaftClientModuleOptions, adapterHost: HttpAdapterHost) =>
        httpErrors === false ? new NoExceptionFilter() : new RaftExceptionFilter(adapterHost),
    },
  ];
  return {
    ...definition,
    imports: [DiscoveryModule, ...(definition.imports ?? [])],
    providers: [...(definition.providers ?? []), ...providers],
    exports: [host, service, locks],
  };
}
