export {
  describeStateMachineConformance,
  runStateMachineConformanceCheck,
  STATE_MACHINE_CONFORMANCE_CHECKS,
} from './describe-state-machine-conformance';
export type { StateMachineConformanceCheck } from './state-machine-conformance-check';
export type { StateMachineConformanceSubject } from './state-machine-conformance-context';
