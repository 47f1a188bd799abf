import { encodeClock } from '../../state-machine/entries/clock-entry';
import { Applier } from '../apply/applier';
import { ApplyWatchdog } from '../apply/apply-watchdog';
import { ConsistencyChecker } from '../apply/consistency-checker';
import { ExpiryClock } from '../apply/expiry-clock';
import { KnownCommands, type KnownCommandsPorts } from '../apply/known-commands';
import { TableSchemas } from '../apply/table-schemas';
import { errorMessage } from '../base/error-message';
import { ReplicaSnapshots } from '../snapshots/replica-snapshots';
import type { ReplicaParts, ReplicaWiring } from './replica-wiring';

export function expiryOf({ ports, parts }: ReplicaWiring): ExpiryClock {
  const { stateMachine } = ports.options;
  return new ExpiryClock({
    nextExpiryMs: () => stateMachine.nextExpiryMs?.(),
    wantsDigest: () => stateMachine.wantsDigest?.() ?? false,
    clusterTimeMs: () => parts().clock.read(),
    propose: (timeMs) => parts().driver.propose({ kind: 'clock', schemaVersion: 0, data: encodeClock(timeMs) }),
  });
}

export function applierOf({ ports, replica, parts }: ReplicaWiring): Applier {
  const { stateMachine, scheduler } = ports.options;
  return new Applier(stateMachine, scheduler, {
    isWanted: (index) => parts().waiters.has(index),
    applied: replica.applied.bind(replica),
    failed: (error) =>
      ports.failed(
        'RAFT_FATAL',
        `The state machine failed after entry ${parts().position.index}, which it can neither skip nor answer: ` +
          `${errorMessage(error)}. Fix the cause and restart the node; it resumes from there.`,
        error,
      ),
  });
}

export function snapshotsOf(
  { ports, kernel, restored, replica }: ReplicaWiring,
  parts: Pick<ReplicaParts, 'driver' | 'persister' | 'applier' | 'position'>,
): ReplicaSnapshots {
  const { options, links, calls } = ports;
  const { driver, persister, applier, position } = parts;
  return new ReplicaSnapshots(
    {
      options,
      replicaId: restored.group.identity.replicaId,
      kernel,
      driver,
      persister,
      applier,
      links,
      calls,
      applied: () => ({ term: position.term, index: position.index }),
      installed: (installed, info, fetch) => replica.installed(installed, info, fetch),
      failed: (error) =>
        ports.failed(
          'RAFT_FATAL',
          `The state machine can't be restored from a snapshot: ${errorMessage(error)}`,
          error,
        ),
      damaged: (error) => ports.damaged(error),
    },
    restored.snapshot,
  );
}

/** The parts by which members compare what their state machines are and do. */
export function comparisonsOf(
  wiring: ReplicaWiring,
): Pick<ReplicaParts, 'known' | 'schemas' | 'applyWatchdog' | 'consistency'> {
  const { ports, kernel, parts } = wiring;
  const { scheduler, logger } = ports.options;
  const among = amongMembers(wiring);
  return {
    known: new KnownCommands(among),
    schemas: new TableSchemas(among),
    applyWatchdog: applyWatchdogOf(wiring, among),
    consistency: new ConsistencyChecker({
      ...among,
      scheduler,
      leader: () => kernel.status.leader,
      logger,
      stepDown: () => void parts().driver.transferLeadership(undefined),
      diverged: (sentence) => ports.diverged(sentence),
    }),
  };
}

function amongMembers({ ports, kernel, restored }: ReplicaWiring): KnownCommandsPorts {
  const { stateMachine, electionTimeoutMs } = ports.options;
  return {
    replicaId: restored.group.identity.replicaId,
    machine: stateMachine,
    links: ports.links,
    calls: ports.calls,
    callTimeoutMs: 2 * electionTimeoutMs,
    isLeading: () => kernel.status.role === 'leader',
    configuration: () => kernel.configuration.configuration,
  };
}

function applyWatchdogOf({ ports, kernel, parts }: ReplicaWiring, among: KnownCommandsPorts): ApplyWatchdog {
  const { scheduler, logger, electionTimeoutMs, stateMachine } = ports.options;
  return new ApplyWatchdog({
    ...among,
    scheduler,
    logger,
    electionTimeoutMs,
    appliedIndex: () => parts().position.index,
    commitIndex: () => kernel.commitIndex,
    durableIndex: () => kernel.durableIndex,
    underWay: () => parts().applier.underWay,
    isOccupied: () => parts().applier.isOccupied || parts().snapshots.installStatus !== null,
    waitsFor: () => stateMachine.waitsFor?.(),
    transferLeadership: (to) => void parts().driver.transferLeadership(to),
    degradationChanged: () => ports.degradedChanged(),
  });
}
