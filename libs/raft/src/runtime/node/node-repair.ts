import { RaftError } from '../../errors/raft-error';
import type { StoreIdentity } from '../../storage/contract';
import { asRaftError } from '../base/error-codec';
import { errorMessage } from '../base/error-message';
import { BootHistory, notesOfRepair } from '../store/boot-history';
import { openMachine } from '../store/opening';
import type { NodeEnding } from './node-ending';
import type { NodeEntering } from './node-entering';
import type { NodeParts } from './node-parts';
import { peerHostOf } from './node-peer-host';
import type { NodeState } from './node-state';
import { askForRepair, beginAgain, labelOf, type QuarantinedNode, renewStore, type RepairResult } from './repairing';

const UNWRITTEN = { saveNotes: () => Promise.resolve() };

/** The repair of a node in quarantine: what is left of it ends, and its successor takes its place with a new store. */
export class NodeRepair {
  constructor(
    private readonly state: NodeState,
    private readonly parts: NodeParts,
    private readonly entering: NodeEntering,
    private readonly ending: NodeEnding,
  ) {}

  /** See `NodeLifecycle.makeWay`. */
  async makeWay(): Promise<QuarantinedNode> {
    const { state } = this;
    const { options, hints } = this.parts;
    const { storage, transport, advertise } = options;
    if (state.publisher.phase !== 'quarantined')
      throw new RaftError(
        'RAFT_REJECTED',
        `This node is ${state.publisher.phase}, not in quarantine: there is nothing to repair.`,
        { reason: 'NOT_IN_QUARANTINE' },
      );
    if (storage.setAside === undefined)
      throw new RaftError(
        'RAFT_REJECTED',
        'The storage of this node has no setAside(): stop the node, move its data away, and start it with onEmptyStore: ' +
          "'rejoin'. Nothing was changed.",
        { reason: 'STORAGE_KEEPS_NOTHING' },
      );
    await this.ending.closeParts();
    await transport.stop();
    const { replica, membersWere, machineIsOpen } = state;
    const members = replica?.kernel.configuration.configuration.members.map(({ peer }) => peer);
    const through = [...new Set([...(members ?? membersWere), ...hints.addresses])];
    return {
      through: through.filter((address) => address !== advertise),
      hasOpenedMachine: machineIsOpen,
      hasRun: replica !== undefined,
    };
  }

  /** See `NodeLifecycle.takePlaceOf`. */
  async takePlaceOf(old: QuarantinedNode, timeoutMs: number, granted: () => void): Promise<RepairResult> {
    const { scheduler } = this.parts.options;
    const incarnation = scheduler.randomId();
    const identity = { incarnation, epoch: 1, previousBootNonce: null, takenOver: false, notes: '', moved: null };
    this.state.store = identity;
    await this.openBoots(UNWRITTEN, identity);
    const clusterId = await this.permission(old, identity, timeoutMs);
    granted();
    try {
      return await this.renew(old, identity, clusterId);
    } catch (error) {
      const { nodeId } = this.parts.options;
      const sentence = `The repair of '${nodeId}' stopped: ${errorMessage(error)}. Fix the cause and restart the node; it resumes from there.`;
      const failure = new RaftError('RAFT_QUARANTINED', sentence, { cause: error });
      this.ending.halt('quarantined', failure);
      throw failure;
    }
  }

  /** @returns the id of the cluster whose leader has allowed the repair */
  private async permission(old: QuarantinedNode, identity: StoreIdentity, timeoutMs: number): Promise<string> {
    const { state, parts } = this;
    const { options, links, paths } = parts;
    const { through } = old;
    try {
      await options.transport.start(peerHostOf(identity, state, parts, this.ending));
      links.connectTo(through);
      const isClosed = (): boolean => !state.isStarting;
      const { incarnation } = identity;
      const clusterId = await askForRepair(
        { options, links, calls: paths.calls, through, incarnation, isClosed },
        timeoutMs,
      );
      state.requireStarting();
      return clusterId;
    } catch (error) {
      await this.ending.closeParts();
      await options.transport.stop();
      throw asRaftError(error);
    }
  }

  private async renew(old: QuarantinedNode, identity: StoreIdentity, clusterId: string): Promise<RepairResult> {
    const { state } = this;
    const { options, bootNonce, proof } = this.parts;
    const { stateMachine, storage, logger, nodeId } = options;
    const { incarnation } = identity;
    const repair = { clusterId, label: labelOf(incarnation), through: old.through };
    const keptAs = await renewStore(options, proof, { incarnation, bootNonce, repair });
    logger.warn(`The damaged store of '${nodeId}' is kept as ${keptAs}; the node comes back as its own replacement.`);
    await this.openBoots(storage, { ...identity, notes: notesOfRepair(repair) });
    if (!old.hasOpenedMachine) await openMachine(stateMachine);
    state.machineIsOpen = true;
    await beginAgain(stateMachine, clusterId, repair.label, old.hasRun);
    state.requireStarting();
    this.entering.join(identity, 0, old.through, 'repair');
    return { keptAs, label: repair.label };
  }

  private async openBoots(
    storage: Parameters<typeof BootHistory.open>[0]['storage'],
    identity: StoreIdentity,
  ): Promise<void> {
    const { scheduler, logger } = this.parts.options;
    const ports = { logger, nowMs: () => scheduler.nowMs(), storage };
    this.state.boots = await BootHistory.open(ports, identity, this.parts.bootNonce);
  }
}
