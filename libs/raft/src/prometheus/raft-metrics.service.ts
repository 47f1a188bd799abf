import { Injectable, type InjectionToken, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Registry } from 'prom-client';
import { DEFAULT_GROUP, type GroupId } from '../core/base/types';
import type { RaftNodeHost } from '../nest/node/raft-node-host';
import { groupName } from '../nest/common/raft.tokens';
import { EventLoopDelay } from './event-loop-delay';
import { countEvents, type NodeLabels } from './event-metrics';
import { MetricSet, type ScrapedNode } from './metric-set';
import { StatusMetrics } from './status-metrics';

/**
 * The token of a group's {@link RaftMetricsService}.
 *
 * @param group default: the default group, whose service is also injected by its class
 * @publicApi
 */
export function getRaftMetricsToken(group?: GroupId): InjectionToken<RaftMetricsService> {
  const name = groupName(group);
  return name === DEFAULT_GROUP ? RaftMetricsService : `RaftMetricsService(${name})`;
}

/**
 * Measures one group's node, from the module's start to its end, on the registry that the module was given.
 *
 * @publicApi
 */
@Injectable()
export class RaftMetricsService implements OnModuleInit, OnApplicationShutdown, ScrapedNode {
  private readonly status: StatusMetrics;
  private readonly metrics: MetricSet;
  private readonly labels: NodeLabels;
  private delay: EventLoopDelay | undefined;
  private readonly ends: (() => void)[] = [];

  constructor(
    private readonly host: RaftNodeHost,
    /** Where the metrics are: give it to whatever else is measured in the application, too. */
    readonly registry: Registry,
  ) {
    const { group, nodeId: node } = host.settings;
    this.labels = { group, node };
    this.metrics = MetricSet.on(registry);
    this.status = new StatusMetrics(this.metrics, this.labels);
  }

  onModuleInit(): void {
    this.delay = new EventLoopDelay(this.metrics, this.labels);
    this.ends.push(countEvents(this.host.events, this.metrics, this.labels), this.metrics.attach(this));
  }

  onApplicationShutdown(): void {
    for (const end of this.ends.splice(0)) end();
    this.delay?.stop();
    this.status.remove();
  }

  /** @returns the text of a scrape, and its Content-Type */
  async scraped(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.registry.contentType, text: await this.registry.metrics() };
  }

  /** @internal */
  scrape(): void {
    this.status.scrape(this.host.status());
    this.delay?.scrape();
  }
}
