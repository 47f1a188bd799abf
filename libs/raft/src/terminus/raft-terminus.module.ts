import { type DynamicModule, Module } from '@nestjs/common';
import { HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import type { GroupId } from '../core/base/types';
import { getRaftToken } from '../nest/services/get-raft-token';
import type { RaftService } from '../nest/services/raft.service';
import { RaftHealthIndicator } from './raft-health.indicator';

/** @publicApi */
export interface RaftTerminusOptions {
  /** The group whose node it is. Default: the default group. */
  readonly group?: GroupId;
}

/**
 * Provides {@link RaftHealthIndicator}, beside `TerminusModule`.
 *
 * @publicApi
 */
@Module({})
export class RaftTerminusModule {
  static register({ group }: RaftTerminusOptions = {}): DynamicModule {
    return {
      module: RaftTerminusModule,
      imports: [TerminusModule],
      providers: [
        {
          provide: RaftHealthIndicator,
          inject: [HealthIndicatorService, getRaftToken(group)],
          useFactory: (health: HealthIndicatorService, raft: RaftService): RaftHealthIndicator =>
            new RaftHealthIndicator(health, raft),
        },
      ],
      exports: [RaftHealthIndicator],
    };
  }
}
