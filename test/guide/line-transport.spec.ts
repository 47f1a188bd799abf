import { describeTransportConformance } from 'nestjs-raft/testing';
import { LineTransport } from './line-transport';

describeTransportConformance('The line transport of the guide', () => ({
  create: (address) => new LineTransport(address ?? '127.0.0.1:0'),
}));
