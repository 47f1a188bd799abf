export * from './simulator';
export * from './state-machine-conformance';
export * from './storage-conformance';
export * from './transport-conformance';
