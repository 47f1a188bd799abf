import {
  Inject,
  Logger,
  Module,
  Scope,
  type DynamicModule,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, INQUIRER, ModuleRef } from '@nestjs/core';
import { defer } from 'rxjs';
import { RaftError } from '../core/raft-error';
import { DEFAULT_GROUP, type GroupId } from '../core/types';
import { SystemScheduler } from '../runtime/system-scheduler';
import { describeMachineClass } from '../state-machine/machine-class';
import { getStateMachineToken } from './get-state-machine-token';
import { isPrimitive, type RaftPrimitive } from './primitives/shared/primitive';
import type { RaftNodeHost } from './raft-node-host';
import { getRaftHostToken, groupName, RAFT_FEATURE, RAFT_GROUP } from './raft.tokens';
import { callerOf } from './state-machine-caller';
import type { RaftFeature } from './state-machine-registry';

/** What `RaftModule.forFeature` imports: it names state machines, which the root makes, and provides their callers. */
@Module({})
export class RaftFeatureModule implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    @Inject(RAFT_FEATURE) private readonly feature: RaftFeature,
  ) {}

  static of(named: readonly (Type<object> | RaftPrimitive)[], givenGroup: GroupId | undefined): DynamicModule {
    const group = groupName(givenGroup);
    const classes = named.filter((each): each is Type<object> => !isPrimitive(each));
    const primitives = named.filter(isPrimitive);
    const label = named.map((each) => (isPrimitive(each) ? each.label : each.name)).join(', ');
    const machines = [...new Set([...classes, ...primitives.map(({ machine }) => machine)])];
    const feature: RaftFeature = { group, label, machines };
    return {
      module: RaftFeatureModule,
      imports: [DiscoveryModule],
      providers: [
        { provide: RAFT_FEATURE, useValue: feature },
        ...classes.flatMap((machine) => [providerOf(machine, group), refusalOf(machine, group)]),
        ...primitives.map((primitive) => handleOf(primitive, group)),
      ],
      exports: [
        ...classes.flatMap((machine) => [getStateMachineToken(machine, group), machine]),
        ...primitives.map((primitive) => primitive.token(group)),
      ],
    };
  }

  onModuleInit(): void {
    const { group, label } = this.feature;
    const hasRoot = this.discovery
      .getProviders()
      .some(({ token, instance }) => token === RAFT_GROUP && instance === group);
    if (!hasRoot) {
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `RaftModule.forFeature([${label}]) is imported, and no RaftModule.forRoot(${group === DEFAULT_GROUP ? '' : `{ group: '${group}' }`}): import it once, in the application's root module.`,
      );
    }
  }
}

/** The root is looked up at the first call: modules are made in any order. */
function lazyHost(moduleRef: ModuleRef, group: GroupId): () => RaftNodeHost {
  let found: RaftNodeHost | null | undefined;
  return () => {
    found ??= moduleRef.get<RaftNodeHost | null>(getRaftHostToken(group), { strict: false });
    if (found === null) {
      throw new RaftError(
        'RAFT_NOT_STARTED',
        'The Raft node has not been made yet: this call came from a constructor. Nothing was done. Move the call to onApplicationBootstrap, or later.',
      );
    }
    return found;
  };
}

function providerOf(machine: Type<object>, group: GroupId): Provider {
  const token = getStateMachineToken(machine, group);
  describeMachineClass(machine);
  return {
    provide: token,
    inject: [ModuleRef],
    useFactory: (moduleRef: ModuleRef): object => callerOf(machine, lazyHost(moduleRef, group)),
  };
}

function handleOf(primitive: RaftPrimitive, group: GroupId): Provider {
  const { name } = describeMachineClass(primitive.machine);
  return {
    provide: primitive.token(group),
    inject: [ModuleRef],
    useFactory: (moduleRef: ModuleRef): object => {
      const host = lazyHost(moduleRef, group);
      return primitive.handle({
        caller: callerOf(primitive.machine, host),
        events: defer(() => host().machineEvents.of(name)),
        scheduler: new SystemScheduler(),
        logger: new Logger('Raft'),
      });
    },
  };
}

/** Transient, so that it is made for whoever injects the class, and for nobody else. */
function refusalOf(machine: Type<object>, group: GroupId): Provider {
  return {
    provide: machine,
    scope: Scope.TRANSIENT,
    inject: [INQUIRER],
    useFactory: (inquirer: object | undefined): never => {
      const { name } = machine;
      const by = inquirer?.constructor.name ?? 'A provider';
      const where = group === DEFAULT_GROUP ? name : `${name}, '${group}'`;
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `${by} injects the state machine ${name} itself, whose methods would change this node's copy only. Write @InjectStateMachine(${where}) private readonly ${name.charAt(0).toLowerCase()}${name.slice(1)}: Replicated<${name}>.`,
      );
    },
  };
}
