import { Inject, Module, type DynamicModule, type OnModuleInit, type Type } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import { DEFAULT_GROUP, type GroupId } from '../../core/base/types';
import { featureExports, featureProviders } from '../common/feature-providers';
import { isPrimitive, type RaftPrimitive } from '../common/primitive';
import { getRaftHostToken, groupName, RAFT_FEATURE, RAFT_GROUP } from '../common/raft.tokens';
import type { RaftFeature } from '../common/state-machine-registry';

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
        ...featureProviders(named, group, getRaftHostToken(group)),
      ],
      exports: featureExports(named, group),
    };
  }

  onModuleInit(): void {
    const { group, label } = this.feature;
    const hasRoot = this.discovery
      .getProviders()
      .some(({ token, instance }) => token === RAFT_GROUP && instance === group);
    if (!hasRoot)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `RaftModule.forFeature([${label}]) is imported, and no RaftModule.forRoot(${group === DEFAULT_GROUP ? '' : `{ group: '${group}' }`}): import it once, in the application's root module.`,
      );
  }
}
