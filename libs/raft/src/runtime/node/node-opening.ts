import { RaftError } from '../../errors/raft-error';
import { type IntactGroup, isStoreCorrupt } from '../../storage/checked-load';
import type { StoreIdentity } from '../../storage/contract';
import { asRaftError } from '../base/error-codec';
import { errorMessage } from '../base/error-message';
import { logSecurity } from '../options/peer-security';
import { restoreAtStart, type RestoredGroup } from '../snapshots/snapshot-install';
import {
  damageOf,
  DamagedStoreError,
  openMachine,
  openStore,
  type OpenedStore,
  untrustworthyStore,
} from '../store/opening';
import type { NodeEnding } from './node-ending';
import type { NodeEntering } from './node-entering';
import type { NodeParts } from './node-parts';
import { peerHostOf } from './node-peer-host';
import type { NodeRunning } from './node-running';
import type { NodeState } from './node-state';
import { beginAgain } from './repairing';

/** The start of a node: it opens its store and its state machine, listens, dials the peers, and goes on as what its store says. */
export class NodeOpening {
  constructor(
    private readonly state: NodeState,
    private readonly parts: NodeParts,
    private readonly running: NodeRunning,
    private readonly entering: NodeEntering,
    private readonly ending: NodeEnding,
  ) {}

  /** See `RaftNode.start`. */
  async open(): Promise<void> {
    const { storage, stateMachine, transport } = this.parts.options;
    try {
      await this.begin();
    } catch (error) {
      // It stays up and says so: a process that ends and is started again finds the same damage.
      if (error instanceof DamagedStoreError && this.state.isStarting) {
        this.ending.quarantine(error.message, error);
        return;
      }
      const failure = asRaftError(error);
      if (this.state.isStarting) this.ending.halt('failed', failure);
      await transport.stop().catch(() => undefined);
      await stateMachine.close?.().catch(() => undefined);
      await storage.close().catch(() => undefined);
      throw failure;
    }
  }

  private async begin(): Promise<void> {
    const { state } = this;
    const { options, bootNonce, proof, silence } = this.parts;
    const opened = await openStore(options, bootNonce, proof);
    const { identity, stored, boots } = opened;
    this.rememberStored(opened);
    const untrustworthy = untrustworthyStore(opened, options.logger);
    if (untrustworthy !== undefined && state.isStarting) {
      this.ending.quarantine(untrustworthy);
      return;
    }
    const applied = await openMachine(options.stateMachine);
    state.machineIsOpen = true;
    const restored = await this.restored(stored, applied.last.index);
    state.requireStarting();
    state.store = identity;
    state.group = stored?.group.identity;
    await this.listen(identity, restored);
    const { repair } = boots;
    if (stored === undefined && repair !== undefined) {
      await beginAgain(options.stateMachine, repair.clusterId, repair.label, false);
      state.requireStarting();
      this.entering.join(identity, 0, repair.through, 'repair');
      return;
    }
    silence.keep(identity, () => {
      if (!state.isStarting) return;
      if (restored !== undefined) this.running.run(identity, restored, false);
      else if (options.join.length > 0) this.entering.join(identity, applied.last.index, options.join, 'join');
      else this.entering.found(identity, applied.last.index);
    });
  }

  private rememberStored({ stored, boots }: OpenedStore): void {
    const { state } = this;
    state.boots = boots;
    for (const address of boots.knownPlaces) this.parts.hints.add(address);
    state.membersWere = (stored?.group.configuration.configuration.members ?? []).map(({ peer }) => peer);
  }

  private async restored(stored: IntactGroup | undefined, appliedIndex: number): Promise<RestoredGroup | undefined> {
    if (stored === undefined) return undefined;
    const { storage, groupId, stateMachine, nodeId } = this.parts.options;
    stateMachine.belongsTo?.(stored.group.identity.clusterId);
    try {
      return await restoreAtStart(storage, groupId, stateMachine, stored, appliedIndex);
    } catch (error) {
      if (isStoreCorrupt(error)) throw new DamagedStoreError(damageOf(nodeId, error), { cause: error });
      throw new RaftError('RAFT_STORAGE', `The snapshot in the store can't be used: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }

  private async listen(identity: StoreIdentity, restored: RestoredGroup | undefined): Promise<void> {
    const { options, links } = this.parts;
    const { transport } = options;
    const listening = await transport.start(peerHostOf(identity, this.state, this.parts, this.ending));
    logSecurity(options.logger, transport.protection, listening);
    this.state.requireStarting();
    if (restored !== undefined)
      links.connectMembers(restored.group.configuration.configuration, restored.group.identity.replicaId);
    else if (options.join.length > 0) links.connectTo(options.join);
    else links.connectFounders();
  }
}
