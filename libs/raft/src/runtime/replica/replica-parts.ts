import { RolledBackStoreError } from '../../core/base/invariant';
import { ClusterClock } from '../apply/cluster-clock';
import { errorMessage } from '../base/error-message';
import { KernelDriver } from '../driver/kernel-driver';
import { RoundTrips } from '../peers/round-trips';
import { Proposer, type ProposerPorts } from '../requests/proposer';
import { TracedEntries } from '../requests/traced-entries';
import { Waiters } from '../requests/waiters';
import { AppliedPosition } from './applied-position';
import { applierOf, comparisonsOf, expiryOf, snapshotsOf } from './machine-parts';
import { Reads } from './reads';
import { ReplicaEvents } from './replica-events';
import type { ReplicaParts, ReplicaWiring } from './replica-wiring';
import { loaderOf, persisterOf, storageWatchdogOf } from './store-parts';

/** Wires the parts of a replica. Nothing is read, written or sent. */
export function replicaParts(given: Omit<ReplicaWiring, 'parts'>): ReplicaParts {
  const wiring: ReplicaWiring = { ...given, parts: () => parts };
  const { ports, kernel, restored } = wiring;
  const { scheduler, events: nodeEvents } = ports.options;
  const { appliedIndex } = restored;
  const position = new AppliedPosition(appliedIndex, appliedIndex === 0 ? 0 : (kernel.termAt(appliedIndex) ?? 0));
  const clock = new ClusterClock(scheduler);
  const expiry = expiryOf(wiring);
  const waiters = waitersOf(wiring);
  const traced = new TracedEntries();
  const persister = persisterOf(wiring);
  const driver = driverOf(wiring);
  const storageWatchdog = storageWatchdogOf(wiring);
  const applier = applierOf(wiring);
  const loader = loaderOf(wiring);
  const reads = readsOf(wiring);
  const snapshots = snapshotsOf(wiring, { driver, persister, applier, position });
  const roundTrips = new RoundTrips(
    nodeEvents,
    scheduler,
    (replica) => ports.links.routes.memberOf(replica)?.name ?? '',
  );
  const events = new ReplicaEvents(nodeEvents, scheduler, ports.links);
  const comparisons = comparisonsOf(wiring);
  const { known, schemas } = comparisons;
  const proposer = proposerOf(wiring, { driver, known, schemas, waiters, traced });
  const parts: ReplicaParts = {
    ...{ position, clock, expiry, waiters, traced, persister, driver, storageWatchdog, applier, loader, reads },
    ...{ snapshots, roundTrips, events, proposer },
    ...comparisons,
  };
  return parts;
}

function waitersOf({ ports }: ReplicaWiring): Waiters {
  const { requests, router, session } = ports;
  return new Waiters(requests, router.retry.bind(router), session.decided.bind(session));
}

function driverOf({ ports, kernel, restored, replica, parts }: ReplicaWiring): KernelDriver {
  return new KernelDriver(
    kernel,
    ports.options.scheduler,
    {
      send: (message) => replica.send(message),
      persist: (batch) => parts().persister.write(batch),
      apply: (entries) => {
        parts().traced.committed(entries[entries.length - 1]!.index);
        parts().applier.enqueue(entries);
      },
      load: (request) => parts().loader.load(request),
      confirmed: (reads) => parts().reads.confirmed(reads),
      refused: (reads) => parts().reads.refused(reads),
      snapshotWanted: (wanted) => parts().snapshots.wanted(wanted),
      statusChanged: (status) => replica.statusChanged(status),
      configurationChanged: (configuration) => replica.configurationChanged(configuration),
      fatal: (error) => {
        if (error instanceof RolledBackStoreError) ports.rolledBack(error.message);
        else ports.failed('RAFT_FATAL', `The node has stopped: ${errorMessage(error)}`, error);
      },
    },
    restored.group.lastBatch,
  );
}

function readsOf({ ports, restored, replica, parts }: ReplicaWiring): Reads {
  const { requests, router, proof, options } = ports;
  return new Reads(
    {
      requests,
      returns: router,
      machine: options.stateMachine,
      proof,
      renewProof: () => parts().persister.probe(),
      requestRead: (context, lease) => parts().driver.readIndex(context, lease),
      appliedIndex: () => parts().position.index,
      ageMs: () => replica.ageMs,
    },
    restored.group.commitIndex,
  );
}

function proposerOf(
  { ports, kernel, parts }: ReplicaWiring,
  made: Pick<ProposerPorts, 'driver' | 'known' | 'schemas' | 'waiters' | 'traced'>,
): Proposer {
  const { options, requests, router } = ports;
  return new Proposer({
    ...made,
    kernel,
    machine: options.stateMachine,
    requests,
    router,
    limits: options.limits,
    isStoreDegraded: () => parts().persister.isDegraded,
    isStoreStalled: () => parts().storageWatchdog.isStalled,
    appliedTerm: () => parts().position.term,
    clusterTimeMs: () => parts().clock.read(),
  });
}
