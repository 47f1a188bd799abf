import type { ConfigurationInForce } from '../../core/base/configuration';
import type { KernelStatus } from '../../core/base/effects';
import { InvariantError } from '../../core/base/invariant';
import { NO_REPLICA } from '../../core/base/types';
import type { RaftErrorCode } from '../../errors/raft-error';
import type { StoreIdentity } from '../../storage/contract';
import { errorMessage } from '../base/error-message';
import { createKernel } from '../options/kernel-factory';
import { warnOfExposed } from '../options/peer-security';
import { Replica } from '../replica/replica';
import type { ReplicaPorts } from '../replica/replica-wiring';
import type { RestoredGroup } from '../snapshots/snapshot-install';
import type { QueueLengths } from '../status/status';
import { damageOf } from '../store/opening';
import type { NodeEnding } from './node-ending';
import type { NodeParts } from './node-parts';
import type { NodeState } from './node-state';

const NOTHING_WAITS = Object.freeze({ inLog: 0, reading: 0, persist: 0, apply: 0, uncommittedBytes: 0 });

/** A member of a cluster at work: its replica begins, and what it says reaches the other parts of the node. */
export class NodeRunning {
  constructor(
    private readonly state: NodeState,
    private readonly parts: NodeParts,
    private readonly ending: NodeEnding,
  ) {}

  /** Begins as the replica that the store, or the cluster, says. */
  run({ incarnation }: StoreIdentity, restored: RestoredGroup, newStore: boolean): void {
    const { state } = this;
    if (state.publisher.phase === 'stopping') return;
    const { group, appliedIndex } = restored;
    const { options, paths } = this.parts;
    state.founding = undefined;
    state.group = group.identity;
    options.stateMachine.belongsTo?.(group.identity.clusterId);
    try {
      const kernel = createKernel(options, { group, incarnation, appliedIndex, newStore });
      state.replica = new Replica(this.replicaPorts(group.identity.replicaId), kernel, restored);
    } catch (error) {
      if (error instanceof InvariantError) this.ending.quarantine(damageOf(options.nodeId, error), error);
      else this.ending.fail('RAFT_FATAL', `The node can't start from its store: ${errorMessage(error)}`, error);
      return;
    }
    paths.router.replica = state.replica;
    state.publisher.enter('running');
    state.replica.start();
    options.transport.announce();
    paths.router.wake();
  }

  /** What waits in this node. */
  queues(): QueueLengths {
    const waiting = this.state.replica?.queueLengths ?? NOTHING_WAITS;
    const { requests, router, forwarder } = this.parts.paths;
    return { calls: requests.size, parked: router.size, forwarded: forwarder.size, ...waiting };
  }

  private replicaPorts(replicaId: number): ReplicaPorts {
    const { state, ending } = this;
    const { options, links, paths, proof, reporter, care } = this.parts;
    const { requests, router, session, calls } = paths;
    return {
      options,
      links,
      requests,
      router,
      session,
      calls,
      proof,
      statusChanged: (status: KernelStatus) => this.kernelStatusChanged(status),
      configurationChanged: (configuration: ConfigurationInForce) => {
        reporter.configurationChanged(configuration);
        care.configurationChanged(configuration, replicaId);
        warnOfExposed(options.logger, options.transport.protection, configuration.configuration);
        state.publisher.changed();
      },
      queues: () => this.queues(),
      removed: (sentence: string) => ending.leave(sentence),
      diverged: (sentence: string) => ending.condemn(sentence),
      damaged: (error: Error) => ending.condemn(damageOf(options.nodeId, error)),
      degradedChanged: () => state.publisher.changed(),
      rolledBack: (sentence: string) => ending.rolledBack(sentence),
      failed: (code: RaftErrorCode, sentence: string, cause: unknown) => ending.fail(code, sentence, cause),
    };
  }

  private kernelStatusChanged(status: KernelStatus): void {
    const { role, term, leader, committedInTerm } = status;
    const { options, links, reporter, paths } = this.parts;
    const name = links.routes.memberOf(leader)?.name;
    reporter.statusChanged(status, name ?? null);
    if (role === 'leader' && !committedInTerm) options.logger.log(`This node leads in term ${term}.`);
    else if (role !== 'leader' && name !== undefined) options.logger.log(`'${name}' leads in term ${term}.`);
    if (leader !== NO_REPLICA) paths.forwarder.leaderChanged(leader);
    paths.router.wake();
    this.state.publisher.changed();
  }
}
