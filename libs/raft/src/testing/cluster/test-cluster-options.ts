import type { Type } from '@nestjs/common';
import type { RaftLimits } from '../../runtime/options/raft-node-options';
import type { SnapshotOptions } from '../../runtime/options/snapshot-options';
import type { StateMachineClass } from '../../state-machine/declare/machine-class';

/** A class with `@RaftStateMachine`, and how to make it where its constructor needs something. @publicApi */
export type TestMachine =
  | Type<object>
  | {
      readonly type: StateMachineClass;
      /** @param node the name of the node that it is made for, at each of its starts */
      readonly create: (node: string) => object;
    };

/** @publicApi */
export interface TestClusterOptions {
  /** The state machines of every node. Default: none. */
  readonly machines?: readonly TestMachine[];
  /** For everything that is left to chance. The same seed gives the same run. Default 1. */
  readonly seed?: number;
  /** The smallest election time-out, in virtual milliseconds; each is drawn up to twice as long. Default 1000. */
  readonly electionTimeoutMs?: number;
  /** In virtual milliseconds. Default 100. */
  readonly heartbeatIntervalMs?: number;
  /** How long a call waits for its answer, in virtual milliseconds. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** Lease reads: the share of the election time-out that a lease lasts, 0.5 to 0.95. Default: off. */
  readonly leaseReads?: { readonly driftMargin: number };
  /** Bounds of queues and messages; each has its default. */
  readonly limits?: Partial<RaftLimits>;
  /** When snapshots are taken, and how much of the log stays behind them. */
  readonly snapshots?: Partial<SnapshotOptions>;
  /** Gets every line that a node logs, as `n1 at 1200 ms: …`. Default: nobody. */
  readonly onLine?: (line: string) => void;
}

/** How long a wait may take. @publicApi */
export interface TestWaitOptions {
  /** In virtual milliseconds. Default 20,000. */
  readonly limitMs?: number;
  /** Names of the nodes that count. Default: all that run. */
  readonly among?: readonly string[];
}
