import { isRaftError, RaftError } from '../../errors/raft-error';
import type { ReplicatedStateMachine } from '../../state-machine/contract';
import { errorMessage } from '../base/error-message';
import { decodeJoinAnswer, encodeJoin, JOIN } from '../membership/join-calls';
import { notesOfRepair } from '../store/boot-history';
import type { RepairNote } from '../store/notes';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import type { RaftNodeOptions } from '../options/raft-node-options';
import { REPAIR_TOO_EARLY } from '../membership/rejoining';
import type { StoreOwnershipProof } from '../store/store-ownership-proof';

const PAUSE_MS = 200;
const LABEL_CHARACTERS = 8;

/** What became of a repair that was begun. @publicApi */
export interface RepairResult {
  /** Where the damaged store is kept, in words. */
  readonly keptAs: string;
  /** A part of the name under which it is kept, and its tables with it. */
  readonly label: string;
}

/** A node in quarantine, as far as its successor in this process has to know it. */
export interface QuarantinedNode {
  /** Where members were, as far as it knows. */
  readonly through: readonly string[];
  /** Its state machine was opened. */
  readonly hasOpenedMachine: boolean;
  /** It has applied entries, or may have. */
  readonly hasRun: boolean;
}

/** @returns what tells the store of this incarnation from others, in names */
export function labelOf(incarnation: string): string {
  return incarnation.slice(0, LABEL_CHARACTERS);
}

export interface AskingPorts {
  readonly options: RaftNodeOptions;
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly through: readonly string[];
  /** Of the store that is to take the damaged one's place. */
  readonly incarnation: string;
  isClosed(): boolean;
}

/**
 * Asks the leader, through whichever member answers, whether this node may be repaired now. Nothing is touched before.
 *
 * @returns the cluster's id
 * @throws RaftError `RAFT_CONFLICT` why not, `RAFT_NO_LEADER` nobody could say
 */
export async function askForRepair(ports: AskingPorts, timeoutMs: number): Promise<string> {
  const { options, links, calls, through, incarnation } = ports;
  const { scheduler, nodeId: name, advertise: peer, http, electionTimeoutMs } = options;
  const deadlineMs = scheduler.nowMs() + timeoutMs;
  const body = encodeJoin({ name, peer, http, incarnation, voter: true, repair: 'ask' });
  let degradation = 'no member is known';
  for (let at = 0; scheduler.nowMs() < deadlineMs && !ports.isClosed(); at++) {
    const addresses = [...new Set([...through, ...links.memberAddresses()])];
    const address = addresses[at % addresses.length];
    if (address !== undefined)
      try {
        links.invite(address, scheduler.nowMs());
        return decodeJoinAnswer(await calls.call(address, JOIN, body, electionTimeoutMs * 2)).clusterId;
      } catch (error) {
        if (isRaftError(error) && error.code === 'RAFT_CONFLICT' && error.reason !== REPAIR_TOO_EARLY) throw error;
        degradation = errorMessage(error);
      }
    await new Promise<void>((resolve) => scheduler.setTimer(PAUSE_MS, resolve));
  }
  throw new RaftError(
    'RAFT_NO_LEADER',
    `Whether '${name}' may be repaired could not be found out in ${timeoutMs} ms: ${degradation}. Its store is as it was. Try again when ` +
      'the other nodes have a leader.',
    { retryAfterMs: 1000 },
  );
}

/** @throws Error it can't go back to its beginning in this process */
export async function beginAgain(
  machine: ReplicatedStateMachine,
  clusterId: string,
  label: string,
  hasRun: boolean,
): Promise<void> {
  machine.belongsTo?.(clusterId);
  if (machine.reset !== undefined) await machine.reset(label);
  else if (hasRun) throw new Error('its state machine has no reset()');
}

/**
 * Sets the damaged store aside, and opens the one that took its place.
 *
 * @returns where the damaged one is kept
 */
export async function renewStore(
  { storage, nodeId, scheduler }: RaftNodeOptions,
  proof: StoreOwnershipProof,
  { incarnation, bootNonce, repair }: { incarnation: string; bootNonce: string; repair: RepairNote },
): Promise<string> {
  await storage.close();
  const { label } = repair;
  const owner = { nodeName: nodeId, newIncarnation: incarnation, notes: notesOfRepair(repair), label };
  const keptAs = await storage.setAside!(owner);
  const askedMs = scheduler.nowMs();
  const opened = await storage.open({ nodeName: nodeId, newIncarnation: incarnation, bootNonce });
  if (opened.incarnation !== incarnation || opened.epoch !== 1)
    throw new Error('another process has opened the new store already');
  proof.proved(askedMs);
  return keptAs;
}
