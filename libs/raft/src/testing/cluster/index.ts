export { createTestCluster, TestCluster } from './test-cluster';
export type { TestClusterOptions, TestMachine, TestWaitOptions } from './test-cluster-options';
export { TestNode } from './test-node';
