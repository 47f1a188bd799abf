import { Inject, Module, type DynamicModule, type OnModuleInit, type Type } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import { RaftError } from '../../errors/raft-error';
import { DEFAULT_GROUP, type GroupId } from '../../core/base/types';
import { featureExports, featureProviders } from '../common/feature-providers';
import { isPrimitive, type RaftPrimitive } from '../common/primitive';
import { groupName } from '../common/raft.tokens';
import { getRaftClientHostToken, RAFT_CLIENT_FEATURE, RAFT_CLIENT_GROUP } from './raft-client.tokens';

interface ClientFeature {
  readonly group: GroupId;
  /** What was named, as it is written. */
  readonly label: string;
}

/** What `RaftClientModule.forFeature` imports: callers of state machines, of which this application has no instance. */
@Module({})
export class RaftClientFeatureModule implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    @Inject(RAFT_CLIENT_FEATURE) private readonly feature: ClientFeature,
  ) {}

  static of(named: readonly (Type<object> | RaftPrimitive)[], givenGroup: GroupId | undefined): DynamicModule {
    const group = groupName(givenGroup);
    const label = named.map((each) => (isPrimitive(each) ? each.label : each.name)).join(', ');
    return {
      module: RaftClientFeatureModule,
      imports: [DiscoveryModule],
      providers: [
        { provide: RAFT_CLIENT_FEATURE, useValue: { group, label } satisfies ClientFeature },
        ...featureProviders(named, group, getRaftClientHostToken(group)),
      ],
      exports: featureExports(named, group),
    };
  }

  onModuleInit(): void {
    const { group, label } = this.feature;
    const hasRoot = this.discovery
      .getProviders()
      .some(({ token, instance }) => token === RAFT_CLIENT_GROUP && instance === group);
    if (!hasRoot)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `RaftClientModule.forFeature([${label}]) is imported, and no RaftClientModule.forRoot() for the group '${group}'${group === DEFAULT_GROUP ? '' : ` ({ group: '${group}' })`}: import it once, in the application's root module.`,
      );
  }
}
