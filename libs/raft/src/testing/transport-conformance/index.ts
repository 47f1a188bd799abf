export {
  describeTransportConformance,
  runTransportConformanceCheck,
  TRANSPORT_CONFORMANCE_CHECKS,
} from './describe-transport-conformance';
export type { TransportConformanceCheck } from './transport-conformance-check';
export type { TransportConformanceNetwork } from './transport-conformance-context';
