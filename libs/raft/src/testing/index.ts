export * from './cluster';
export * from './nest';
export * from './simulator';
export * from './state-machine-conformance';
export * from './storage-conformance';
export * from './transport-conformance';
export {
  MemoryNetwork,
  type DeliveryFaults,
  type DeliveryScheduler,
  type MemoryNetworkOptions,
} from '../transport/memory';
