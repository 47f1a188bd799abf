import type { SimulatedDisk } from './simulated-disk';

/** What is known of one life of a node from what it did. */
export interface ObservedProcess {
  readonly label: string;
  readonly disk: SimulatedDisk;
  /** No message of it, and none that it got, was of a later term. */
  term: number;
  sentTerm: number;
  commitIndex: number;
  /** The last entry that its state machine was handed. */
  appliedIndex: number;
  /** Its store is empty though the cluster knows it: it must not take part. */
  readonly wiped: boolean;
  isLeader: boolean;
  /** Whether its store stands still just now. */
  readonly isStalled: () => boolean;
  /** Whether another process has its disk by now, and writes what this one doesn't know of. */
  readonly isSucceeded: () => boolean;
  /** How often a fetch that broke off was gone on with, as it says. */
  resumptions: number;
}
