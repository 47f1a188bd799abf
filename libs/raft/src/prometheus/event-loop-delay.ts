import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { NodeLabels } from './event-metrics';
import type { MetricSet } from './metric-set';

const RESOLUTION_MS = 10;
const QUANTILES = { '0.5': 50, '0.99': 99, '1': 100 } as const;

/** What holds up everything in a process: heartbeats, calls and answers. */
export class EventLoopDelay {
  private readonly histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor(
    private readonly metrics: MetricSet,
    private readonly labels: NodeLabels,
  ) {
    this.histogram.enable();
  }

  scrape(): void {
    const gauge = this.metrics.gauge('raft_event_loop_delay_seconds');
    for (const [quantile, percentile] of Object.entries(QUANTILES)) {
      // The histogram holds whole intervals between its timer's turns: what is above the resolution is delay.
      const delayNs = this.histogram.percentile(percentile) - RESOLUTION_MS * 1e6;
      gauge.set({ ...this.labels, quantile }, Math.max(0, delayNs) / 1e9);
    }
    this.histogram.reset();
  }

  stop(): void {
    this.histogram.disable();
  }
}
