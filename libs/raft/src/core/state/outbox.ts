import type { ConfigurationInForce } from '../base/configuration';
import type {
  ConfirmedRead,
  Effects,
  KernelStatus,
  LoadRequest,
  PersistBatch,
  RefusedRead,
  SnapshotWanted,
  WithheldMessage,
} from '../base/effects';
import type { Entry } from '../base/entry';
import type { Message } from '../base/messages';

/** Gathers effects between two calls of `takeEffects`. */
export class Outbox {
  sendNow: Message[] = [];
  sendAfterPersist: WithheldMessage[] = [];
  apply: Entry[] = [];
  loads: LoadRequest[] = [];
  reads: ConfirmedRead[] = [];
  refusedReads: RefusedRead[] = [];
  snapshotWanted: SnapshotWanted | undefined;
  configuration: ConfigurationInForce | undefined;

  take(persist: PersistBatch | undefined, status: KernelStatus | undefined): Effects {
    const effects: Effects = {
      sendNow: this.sendNow,
      persist,
      sendAfterPersist: this.sendAfterPersist,
      apply: this.apply,
      loads: this.loads,
      reads: this.reads,
      refusedReads: this.refusedReads,
      snapshotWanted: this.snapshotWanted,
      status,
      configuration: this.configuration,
    };
    this.sendNow = [];
    this.sendAfterPersist = [];
    this.apply = [];
    this.loads = [];
    this.reads = [];
    this.refusedReads = [];
    this.snapshotWanted = undefined;
    this.configuration = undefined;
    return effects;
  }
}
