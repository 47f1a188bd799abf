import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { METRICS, type MetricDefinition, type MetricName } from './metric-table';

/** Asked at each scrape for what is measured only then. */
export interface ScrapedNode {
  scrape(): void;
}

/** The metrics on one registry, which all groups and nodes that report to it share. */
export class MetricSet {
  private static readonly ofRegistry = new WeakMap<Registry, MetricSet>();
  private readonly nodes = new Set<ScrapedNode>();
  private readonly gauges = new Map<MetricName, Gauge>();
  private readonly counters = new Map<MetricName, Counter>();
  private readonly histograms = new Map<MetricName, Histogram>();

  /** A registry takes each name once, however many groups report to it. */
  static on(registry: Registry): MetricSet {
    const known = this.ofRegistry.get(registry);
    if (known !== undefined) return known;
    const made = new MetricSet(registry);
    this.ofRegistry.set(registry, made);
    return made;
  }

  private constructor(registry: Registry) {
    // The first that is collected asks the nodes: a scrape collects in the order of registration.
    const collect = (): void => this.nodes.forEach((node) => node.scrape());
    for (const [name, definition] of Object.entries(METRICS) as [MetricName, MetricDefinition][]) {
      const { type, help, labels, buckets } = definition;
      const shared = { name, help, labelNames: ['group', 'node', ...labels], registers: [registry] };
      if (type === 'gauge') this.gauges.set(name, new Gauge(name === 'raft_phase' ? { ...shared, collect } : shared));
      else if (type === 'counter') this.counters.set(name, new Counter(shared));
      else this.histograms.set(name, new Histogram({ ...shared, buckets: [...(buckets ?? [])] }));
    }
  }

  attach(node: ScrapedNode): () => void {
    this.nodes.add(node);
    return () => this.nodes.delete(node);
  }

  gauge(name: MetricName): Gauge {
    return this.gauges.get(name)!;
  }

  counter(name: MetricName): Counter {
    return this.counters.get(name)!;
  }

  histogram(name: MetricName): Histogram {
    return this.histograms.get(name)!;
  }
}
