import { decodeConfiguration } from '../../core/membership/configuration-codec';
import { isRaftError, RaftError } from '../../errors/raft-error';
import { MAX_TERM } from '../../core/base/types';
import type { AppliedState, ReplicatedStateMachine } from '../../state-machine/contract';
import type { LoadedGroup, StoreIdentity } from '../../storage/contract';
import { type IntactGroup, isStoreCorrupt, loadIntact } from '../../storage/checked-load';
import { errorMessage } from '../base/error-message';
import { isSoleVoter } from '../../core/membership/membership';
import { BootHistory } from './boot-history';
import { exposedMember, HOW_TO_PROTECT } from '../options/peer-security';
import type { RaftNodeOptions } from '../options/raft-node-options';
import type { RaftLogger } from '../base/logger';
import type { StoreOwnershipProof } from './store-ownership-proof';

export interface OpenedStore {
  readonly identity: StoreIdentity;
  /** Undefined where the group was never written, with the snapshot that the store has. */
  readonly stored: IntactGroup | undefined;
  readonly boots: BootHistory;
}

/** The store isn't what was written: its node must not take part. */
export class DamagedStoreError extends Error {
  override readonly name = 'DamagedStoreError';
}

/** @returns the sentence for a store that says so of itself */
export function damageOf(nodeId: string, { message }: Error): string {
  const what = message.endsWith('.') ? message : `${message}.`;
  return (
    `The store of '${nodeId}' is damaged: ${what} What this node voted and acknowledged can't be trusted, so it takes no part. ` +
    repairSentence(nodeId)
  );
}

function repairSentence(nodeId: string): string {
  return (
    `Where the others are well, repair it: POST /_raft/repair on this node, or RaftAdminService.repair(). The damaged store is kept ` +
    `under another name, and '${nodeId}' comes back as a new replica. Where there are no others, restore a backup.`
  );
}

/** What to do with a node in quarantine; the sentences that say why end here. */
export function whatToDo(nodeId: string): string {
  return (
    `Unless another process of '${nodeId}' runs on that store, repair it: POST /_raft/repair on this node, or ` +
    'RaftAdminService.repair(). Its store is kept under another name, and its data comes from the others.'
  );
}

/**
 * Opens the store, reads what is there, and writes down that it was started once more.
 *
 * @throws DamagedStoreError what is in it isn't what was written
 * @throws RaftError `RAFT_STORAGE` it can't be opened or read, `RAFT_CONFIGURATION` it is empty, and this node is no founder; or it
 *   has members on other machines, and peers prove nothing
 */
export async function openStore(
  options: RaftNodeOptions,
  bootNonce: string,
  proof: StoreOwnershipProof,
): Promise<OpenedStore> {
  const { storage, scheduler, nodeId, groupId, founders, join, logger } = options;
  const askedMs = scheduler.nowMs();
  let opened: OpenedStore;
  try {
    const identity = await storage.open({ nodeName: nodeId, newIncarnation: scheduler.randomId(), bootNonce });
    proof.proved(askedMs);
    const stored = await loadIntact(storage, groupId);
    if (stored !== undefined) requireTermsInBounds(stored.group);
    // Behind the load: nobody knows of this boot yet, and nobody does before it is written down.
    const boots = await BootHistory.open({ storage, logger, nowMs: () => scheduler.nowMs() }, identity, bootNonce);
    opened = { identity, stored, boots };
  } catch (error) {
    if (isStoreCorrupt(error)) throw new DamagedStoreError(damageOf(nodeId, error), { cause: error });
    throw new RaftError('RAFT_STORAGE', `The store could not be opened: ${errorMessage(error)}`, { cause: error });
  }
  const isKnown = opened.stored !== undefined || opened.boots.repair !== undefined;
  if (!isKnown && join.length === 0 && !founders.some(({ id }) => id === nodeId))
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `The store of '${nodeId}' is empty, and '${nodeId}' is none of the founders ` +
        `(${founders.map(({ id }) => id).join(', ')}): write its name into the members as all nodes have them, or correct nodeId.`,
    );
  requireLocalMembers(opened.stored?.group, options);
  return opened;
}

/** @throws Error a term above the limit is in it, which a build without the limit took from a forged or damaged message */
function requireTermsInBounds({ hardState, snapshot, terms }: LoadedGroup): void {
  const highest = Math.max(hardState.term, snapshot.term, ...terms.map(({ term }) => term));
  if (highest <= MAX_TERM) return;
  throw new Error(
    `it holds the term ${highest}, and no term is above 2^48 (${MAX_TERM}): a forged or damaged message was believed. Other stores ` +
      'hold it, too, and no leader can be elected. Fix all stores together: stop every member; on every store set the term to ' +
      'one above the last term of every log and of every vote that is within the limit, without a vote; then start them.',
  );
}

/** The configuration in force as of the durable commit, and those behind it, which may come into force. */
function requireLocalMembers(group: LoadedGroup | undefined, { transport, nodeId }: RaftNodeOptions): void {
  if (group === undefined) return;
  const entries = group.configurationEntries;
  const inForce = entries.findLast(({ index }) => index <= group.commitIndex);
  const configurations = entries
    .filter((entry) => entry === inForce || entry.index > group.commitIndex)
    .map(({ data }) => decodeConfiguration(data));
  if (inForce === undefined) configurations.push(group.configuration.configuration);
  for (const configuration of configurations) {
    const exposed = exposedMember(transport.protection, configuration);
    if (exposed !== undefined)
      throw new RaftError(
        'RAFT_CONFIGURATION',
        `The members in the store of '${nodeId}' include '${exposed.name}' at ${exposed.peer}, which isn't on this machine, and the ` +
          `transport admits everybody who reaches it. ${HOW_TO_PROTECT}.`,
      );
  }
}

/** @throws RaftError `RAFT_FATAL` it can't say what it has applied */
export async function openMachine(machine: ReplicatedStateMachine): Promise<AppliedState> {
  try {
    return await machine.applied();
  } catch (error) {
    if (isRaftError(error)) throw error;
    throw new RaftError('RAFT_FATAL', `The state machine could not be opened: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/**
 * @returns why this store must not take part, whatever the other nodes say. The only voter has nobody whom it could contradict,
 *   and nobody who has what it lost: it is warned, and goes on
 */
export function untrustworthyStore({ identity, stored, boots }: OpenedStore, logger: RaftLogger): string | undefined {
  const group = stored?.group;
  if (boots.quarantine !== null) return boots.quarantine;
  if (group === undefined) return undefined;
  const copied = copiedStore(group, identity.incarnation);
  if (copied !== undefined || identity.moved === null) return copied;
  if (!isSoleVoter(group.configuration.configuration, group.identity.replicaId)) return identity.moved;
  logger.warn(`${identity.moved} This node is the only voter, so it goes on with what is there.`);
  return undefined;
}

/** @returns what is wrong where the log was written by another store than this one */
function copiedStore(group: LoadedGroup, incarnation: string): string | undefined {
  const { members } = group.configuration.configuration;
  const member = members.find(({ id }) => id === group.identity.replicaId);
  if (member === undefined || member.incarnation === incarnation) return undefined;
  return (
    `The configuration binds replica ${member.id} ('${member.name}') to another store than this one: the log was copied into ` +
    'it. Give the node its own store back, or repair it: POST /_raft/repair on this node, or RaftAdminService.repair().'
  );
}
