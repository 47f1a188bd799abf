export * from './simulator';
export * from './storage-conformance';
