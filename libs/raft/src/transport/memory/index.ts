export type { DeliveryScheduler } from './delivery-scheduler';
export { MemoryNetwork, type MemoryNetworkOptions } from './memory-network';
export type { DeliveryFaults } from './network-faults';
