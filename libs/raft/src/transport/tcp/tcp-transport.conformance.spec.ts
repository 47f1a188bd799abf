import { describeTransportConformance } from '../../testing/transport-conformance';
import { tcpTransport, type TcpTransportOptions } from './index';

const silent = { debug: () => {}, log: () => {}, warn: () => {}, error: () => {} };

const tcp = (options: Partial<TcpTransportOptions> = {}) => ({
  create: (address = '127.0.0.1:0') => tcpTransport({ listen: address, logger: silent, ...options }),
});

describeTransportConformance('the TCP transport', () => tcp());
describeTransportConformance('the TCP transport with a secret', () => tcp({ secret: 'sixteen or more characters' }));
