import { errorMessage } from '../base/error-message';
import { timingOf } from '../options/timing';
import { EntryLoader } from '../store/entry-loader';
import { Persister } from '../store/persister';
import { StorageWatchdog } from '../store/storage-watchdog';
import type { ReplicaWiring } from './replica-wiring';

export function persisterOf({ ports, kernel, restored, parts }: ReplicaWiring): Persister {
  const { storage, groupId, scheduler } = ports.options;
  return new Persister(
    storage,
    groupId,
    scheduler,
    ports.proof,
    {
      landed: (batchNumber, write, tookMs) => {
        const { events, driver, traced } = parts();
        events.persisted(write, tookMs);
        driver.persisted(batchNumber);
        traced.durable(kernel.durableIndex);
      },
      proved: () => parts().reads.proved(),
      failed: (error) => parts().storageWatchdog.failed(error),
      recovered: () => parts().storageWatchdog.recovered(),
      lost: (sentence) => ports.failed('RAFT_STORAGE', sentence, undefined),
      damaged: (error) => ports.damaged(error),
    },
    restored.group.lastBatch,
    timingOf(ports.options).storePatienceMs,
  );
}

export function storageWatchdogOf({ ports, parts }: ReplicaWiring): StorageWatchdog {
  const { scheduler, logger, electionTimeoutMs } = ports.options;
  return new StorageWatchdog({
    scheduler,
    logger,
    limitMs: electionTimeoutMs / 2,
    writeAgeMs: (nowMs) => parts().persister.writeAgeMs(nowMs),
    silenceMs: (nowMs) => parts().persister.silenceMs(nowMs),
    transferIfStalled: (isLost) => (isLost ? parts().driver.storageLost() : parts().driver.storageStalled()),
    mayLeadAgain: () => parts().driver.storageRecovered(),
    degradationChanged: () => ports.degradedChanged(),
  });
}

export function loaderOf({ ports, kernel, parts }: ReplicaWiring): EntryLoader {
  const { storage, groupId, scheduler, logger } = ports.options;
  return new EntryLoader(storage, groupId, scheduler, {
    termAt: (index) => kernel.termAt(index),
    settledIndex: () => Math.min(kernel.commitIndex, kernel.durableIndex),
    appliedIndex: () => kernel.appliedIndex,
    loaded: (requestId, entries) => parts().driver.entriesLoaded(requestId, entries),
    corrupt: (error) => ports.damaged(error),
    newer: (error) => ports.failed('RAFT_FATAL', `The log of this node can't be read: ${error.message}`, error),
    failed: (error) => logger.warn(`Entries could not be read from the store: ${errorMessage(error)}`),
  });
}
