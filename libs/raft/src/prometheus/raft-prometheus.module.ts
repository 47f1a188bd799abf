import { type DynamicModule, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import type { GroupId } from '../core/base/types';
import type { RaftNodeHost } from '../nest/node/raft-node-host';
import { getRaftHostToken } from '../nest/common/raft.tokens';
import { getRaftMetricsToken, RaftMetricsService } from './raft-metrics.service';

/** @publicApi */
export interface RaftPrometheusOptions {
  /** Where the metrics are registered: write prom-client's own `register` for the global one. Default: a registry of its own. */
  readonly registry?: Registry;
  /** The group that is measured; import the module once for each. Default: the default group. */
  readonly group?: GroupId;
}

/**
 * Measures the node of a group for Prometheus. It serves no route: `RaftMetricsService.scraped()` has what one answers.
 *
 * @example
 * ```ts
 * @Get('metrics')
 * async metrics(@Res({ passthrough: true }) response: Response): Promise<string> {
 *   const { contentType, text } = await this.metrics.scraped();
 *   response.header('content-type', contentType);
 *   return text;
 * }
 * ```
 * @publicApi
 */
@Module({})
export class RaftPrometheusModule {
  static register({ registry = new Registry(), group }: RaftPrometheusOptions = {}): DynamicModule {
    const service = getRaftMetricsToken(group);
    return {
      module: RaftPrometheusModule,
      providers: [
        {
          provide: service,
          inject: [getRaftHostToken(group)],
          useFactory: (host: RaftNodeHost): RaftMetricsService => new RaftMetricsService(host, registry),
        },
      ],
      exports: [service],
    };
  }
}
