import { Inject, Module, Scope, type DynamicModule, type OnModuleInit, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, INQUIRER, ModuleRef } from '@nestjs/core';
import { RaftError } from '../core/raft-error';
import { DEFAULT_GROUP, type GroupId } from '../core/types';
import { createReplicated } from '../state-machine/create-replicated';
import { describeMachineClass } from '../state-machine/machine-class';
import { getStateMachineToken } from './get-state-machine-token';
import type { RaftNodeHost } from './raft-node-host';
import { getRaftHostToken, groupName, RAFT_FEATURE, RAFT_GROUP } from './raft.tokens';
import type { RaftFeature } from './state-machine-registry';

/** What `RaftModule.forFeature` imports: it names state machines, which the root makes, and provides their callers. */
@Module({})
export class RaftFeatureModule implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    @Inject(RAFT_FEATURE) private readonly feature: RaftFeature,
  ) {}

  static of(machines: readonly Type<object>[], group: GroupId | undefined): DynamicModule {
    const feature: RaftFeature = { group: groupName(group), machines };
    const providers = machines.flatMap((machine) => [
      callerOf(machine, feature.group),
      refusalOf(machine, feature.group),
    ]);
    return {
      module: RaftFeatureModule,
      imports: [DiscoveryModule],
      providers: [{ provide: RAFT_FEATURE, useValue: feature }, ...providers],
      exports: machines.flatMap((machine) => [getStateMachineToken(machine, feature.group), machine]),
    };
  }

  onModuleInit(): void {
    const { group, machines } = this.feature;
    const hasRoot = this.discovery
      .getProviders()
      .some(({ token, instance }) => token === RAFT_GROUP && instance === group);
    if (!hasRoot) {
      const named = machines.map((machine) => machine.name).join(', ');
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `RaftModule.forFeature([${named}]) is imported, and no RaftModule.forRoot(${group === DEFAULT_GROUP ? '' : `{ group: '${group}' }`}): import it once, in the application's root module.`,
      );
    }
  }
}

/** The root is looked up at the first call: modules are made in any order. */
function callerOf(machine: Type<object>, group: GroupId): Provider {
  const token = getStateMachineToken(machine, group);
  describeMachineClass(machine);
  return {
    provide: token,
    inject: [ModuleRef],
    useFactory: (moduleRef: ModuleRef): object => {
      let found: RaftNodeHost | undefined;
      const host = (): RaftNodeHost =>
        (found ??= moduleRef.get<RaftNodeHost>(getRaftHostToken(group), { strict: false }));
      return createReplicated(machine, {
        propose: (command, options) => host().node().propose(command, options),
        query: (query, options) => host().node().query(query, options),
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
