import { NO_REPLICA } from '../../core/base/types';
import type { RaftError } from '../../errors/raft-error';
import { shuttingDown } from '../base/node-errors';
import type { AdminNotices } from '../membership/admin-notices';
import type { ClusterAdmin } from '../membership/cluster-admin';
import type { RaftNodeOptions } from '../options/raft-node-options';
import type { Replica } from '../replica/replica';
import type { RaftStatus } from '../status/status';
import type { StatusPublisher } from '../status/status-publisher';
import type { CallPaths } from './call-paths';
import { NodeEnding } from './node-ending';
import { NodeEntering } from './node-entering';
import { NodeOpening } from './node-opening';
import { type NodeParts, nodeParts } from './node-parts';
import { NodeRepair } from './node-repair';
import { NodeRunning } from './node-running';
import { NodeState } from './node-state';
import { stopInOrder } from './orderly-stop';
import type { QuarantinedNode, RepairResult } from './repairing';
import { statusOf } from './status-report';

/**
 * What one node goes through, from the store that it opens to the last answer at its end: founding, joining, running, removed,
 * in quarantine or failed.
 */
export class NodeLifecycle {
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private readonly state: NodeState;
  private readonly parts: NodeParts;
  private readonly ending: NodeEnding;
  private readonly running: NodeRunning;
  private readonly opening: NodeOpening;
  private readonly repair: NodeRepair;

  constructor(readonly options: RaftNodeOptions) {
    this.state = new NodeState(options, () => this.status());
    this.parts = nodeParts(options, this.state, {
      status: () => this.status(),
      tick: (ticks, nowMs) => this.tick(ticks, nowMs),
      accused: (sentence) => this.ending.condemn(sentence),
    });
    this.ending = new NodeEnding(this.state, this.parts);
    this.running = new NodeRunning(this.state, this.parts, this.ending);
    const entering = new NodeEntering(this.state, this.parts, this.running, this.ending);
    this.opening = new NodeOpening(this.state, this.parts, this.running, entering, this.ending);
    this.repair = new NodeRepair(this.state, this.parts, entering, this.ending);
  }

  /** The replica of this node, once it is a member of the cluster. */
  get replica(): Replica | undefined {
    return this.state.replica;
  }

  get publisher(): StatusPublisher {
    return this.state.publisher;
  }

  get paths(): CallPaths {
    return this.parts.paths;
  }

  get admin(): ClusterAdmin {
    return this.parts.admin;
  }

  /** What administrators ask for is told to all members. */
  get notices(): AdminNotices {
    return this.parts.care.notices;
  }

  /** See `RaftNode.start`. */
  start(): Promise<void> {
    if (this.starting === undefined) {
      if (this.publisher.phase !== 'created') return Promise.reject(shuttingDown());
      this.publisher.enter('starting');
      this.parts.report.start();
      this.parts.ticker.start();
      this.starting = this.opening.open();
    }
    return this.starting;
  }

  /** See `RaftNode.stop`. */
  stop(): Promise<void> {
    if (this.stopping === undefined) {
      const { scheduler, shutdownTimeoutMs } = this.options;
      const deadlineMs = scheduler.nowMs() + shutdownTimeoutMs;
      const wasStarted = this.publisher.phase !== 'created';
      this.stopping = Promise.resolve().then(() => this.shutDown(wasStarted, deadlineMs));
      this.publisher.enter('stopping');
    }
    return this.stopping;
  }

  /**
   * Ends what is left of a node in quarantine, so that a successor can begin in its place.
   *
   * @throws RaftError `RAFT_REJECTED` with the reason `NOT_IN_QUARANTINE`, or `STORAGE_KEEPS_NOTHING` its storage can't be set aside
   */
  makeWay(): Promise<QuarantinedNode> {
    return this.repair.makeWay();
  }

  /**
   * Goes on in the place of a node in quarantine, as its own replacement: with a new store, and so as a new replica (SAFETY 31).
   *
   * @param granted called when the leader has allowed it; before, nothing is touched
   * @throws RaftError `RAFT_CONFLICT` the leader doesn't allow it, `RAFT_NO_LEADER` nobody could be asked; afterwards
   *   `RAFT_QUARANTINED`: the store could not be set aside, and the node stays where it was
   */
  takePlaceOf(old: QuarantinedNode, timeoutMs: number, granted: () => void): Promise<RepairResult> {
    this.starting = Promise.resolve();
    this.publisher.enter('starting');
    this.parts.ticker.start();
    return this.repair.takePlaceOf(old, timeoutMs, granted);
  }

  status(): RaftStatus {
    const { founding, replica, refusedTerms } = this.state;
    const { phase, reason } = this.publisher;
    const why = phase === 'bootstrapping' || phase === 'joining' ? (founding?.describe() ?? reason) : reason;
    return {
      ...statusOf(this.options, phase, why, replica, this.parts.links, this.running.queues()),
      refusedTerms,
    };
  }

  /** @returns why it accepts no call; undefined where it does */
  closedBecause(): RaftError | undefined {
    return this.state.closedBecause();
  }

  private tick(ticks: number, nowMs: number): void {
    const { state } = this;
    const { paths, links, care, report } = this.parts;
    paths.requests.expire(nowMs);
    state.boots?.tick(nowMs);
    state.founding?.tick(nowMs);
    // Founding, or a join, may just have ended in a replica.
    state.replica?.tick(ticks, nowMs);
    paths.tick(nowMs);
    links.tick(nowMs);
    care.tick(nowMs);
    const hasLeader = state.replica !== undefined && state.replica.leader !== NO_REPLICA;
    if (this.publisher.phase !== 'starting') report.tick(nowMs, hasLeader);
  }

  private async shutDown(wasStarted: boolean, deadlineMs: number): Promise<void> {
    const { paths, admin } = this.parts;
    if (wasStarted)
      await stopInOrder(
        {
          options: this.options,
          admission: paths.admission,
          leadership: admin.leadership,
          starting: this.starting,
          workingReplica: () => (this.state.failure === undefined ? this.state.replica : undefined),
          closeParts: () => this.ending.closeParts(),
        },
        deadlineMs,
      );
    this.publisher.enter('stopped');
  }
}
