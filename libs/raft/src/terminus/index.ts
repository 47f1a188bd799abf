export { RaftHealthIndicator, type RaftReadinessOptions } from './raft-health.indicator';
export { RaftTerminusModule, type RaftTerminusOptions } from './raft-terminus.module';
