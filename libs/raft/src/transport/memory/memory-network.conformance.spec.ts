import { describeTransportConformance } from '../../testing/transport-conformance';
import { MemoryNetwork } from './index';

describeTransportConformance('the memory transport', () => {
  const network = new MemoryNetwork();
  return { create: (address) => network.transport(address) };
});

describeTransportConformance('the memory transport with delays, repetition and reordering', () => {
  const network = new MemoryNetwork({ seed: 3 });
  network.setFaults({ dropRate: 0.05, duplicateRate: 0.1, minDelayMs: 0, maxDelayMs: 8 });
  return { create: (address) => network.transport(address) };
});
