export { METRICS, type MetricDefinition } from './metric-table';
export { getRaftMetricsToken, RaftMetricsService } from './raft-metrics.service';
export { RaftPrometheusModule, type RaftPrometheusOptions } from './raft-prometheus.module';
