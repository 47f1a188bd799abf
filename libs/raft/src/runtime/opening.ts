import { RaftError } from '../core/raft-error';
import type { AppliedState, ReplicatedStateMachine } from '../state-machine/contract';
import type { LoadedGroup, StoreIdentity } from '../storage/contract';
import { sentenceOf } from './error-sentence';
import type { RaftNodeOptions } from './raft-node-options';
import type { SessionProof } from './session-proof';

export interface OpenedStore {
  readonly identity: StoreIdentity;
  /** Undefined where the group was never written. */
  readonly group: LoadedGroup | undefined;
}

/**
 * Opens the store and reads what is there.
 *
 * @throws RaftError `RAFT_STORAGE` it can't be opened or read, `RAFT_CONFIGURATION` it is empty, and this node is no founder
 */
export async function openStore(
  options: RaftNodeOptions,
  bootNonce: string,
  proof: SessionProof,
): Promise<OpenedStore> {
  const { storage, scheduler, nodeId, groupId, founders, join } = options;
  const askedMs = scheduler.nowMs();
  let opened: OpenedStore;
  try {
    const identity = await storage.open({ nodeName: nodeId, newIncarnation: scheduler.randomId(), bootNonce });
    proof.proved(askedMs);
    opened = { identity, group: await storage.load(groupId) };
  } catch (error) {
    throw new RaftError('RAFT_STORAGE', `The store could not be opened: ${sentenceOf(error)}`, { cause: error });
  }
  if (opened.group === undefined && join.length === 0 && !founders.some(({ id }) => id === nodeId))
    throw new RaftError(
      'RAFT_CONFIGURATION',
      `The store of '${nodeId}' is empty, and '${nodeId}' is none of the founders ` +
        `(${founders.map(({ id }) => id).join(', ')}): write its name into the members as all nodes have them, or correct nodeId.`,
    );
  return opened;
}

/** @throws RaftError `RAFT_FATAL` it can't say what it has applied */
export async function openMachine(machine: ReplicatedStateMachine): Promise<AppliedState> {
  try {
    return await machine.applied();
  } catch (error) {
    throw new RaftError('RAFT_FATAL', `The state machine could not be opened: ${sentenceOf(error)}`, { cause: error });
  }
}

/** @returns what is wrong where the log was written by another store than this one */
export function copiedStore(group: LoadedGroup, incarnation: string): string | undefined {
  const { members } = group.configuration.configuration;
  const member = members.find(({ id }) => id === group.identity.replicaId);
  if (member === undefined || member.incarnation === incarnation) return undefined;
  return (
    `The configuration binds replica ${member.id} ('${member.name}') to another store than this one: the log was copied into ` +
    'it. Give the node its own store back, or remove it from the members and add it again with an empty store.'
  );
}
