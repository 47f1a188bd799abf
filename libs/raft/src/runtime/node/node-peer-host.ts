import type { StoreIdentity } from '../../storage/contract';
import type { Hello } from '../../transport/contract';
import { errorMessage } from '../base/error-message';
import { Founding } from '../membership/founding';
import { Joining } from '../membership/joining';
import type { NodeEnding } from './node-ending';
import type { NodeParts } from './node-parts';
import type { NodeState } from './node-state';
import { PeerHost } from './peer-host';

/** Wires the node's side of its transport. */
export function peerHostOf(
  { incarnation }: StoreIdentity,
  state: NodeState,
  parts: NodeParts,
  ending: NodeEnding,
): PeerHost {
  const { options, links, reporter } = parts;
  const { nodeId: nodeName, clusterName, groupId, advertise, scheduler } = options;
  const { calls, forwarder, router, server, clients } = parts.paths;
  return new PeerHost(
    { nodeName, clusterName, groupId, advertise, incarnation },
    {
      links,
      calls,
      forwarder,
      router,
      server,
      boots: () => state.boots!,
      clients,
      answer: (peer, message) => links.answer(peer, message, scheduler.nowMs()),
      connectionChanged: (address, isConnected, detail) =>
        reporter.connectionChanged(address, isConnected, links.nameAt(address), detail),
      metCluster: (peer) => metCluster(peer, state, parts),
      turnedAway: (address, sentence) => {
        if (state.founding instanceof Joining) state.founding.turnedAway(address, sentence);
      },
      rolledBack: (sentence) => ending.rolledBack(sentence),
      termRefused: () => {
        state.refusedTerms++;
        state.publisher.changed();
      },
      turnAway: (sender, sentence) => {
        options.logger.error(sentence);
        options.transport.turnAway?.(sender, sentence);
      },
      group: () => state.group,
      replica: () => state.replica,
      founding: () => (state.founding instanceof Founding ? state.founding : undefined),
      nowMs: () => scheduler.nowMs(),
      isOpen: () => state.isOpen,
      threw: (error) => ending.fail('RAFT_FATAL', `A message could not be handled: ${errorMessage(error)}`, error),
    },
  );
}

/** A store that is empty while another founder has a cluster has lost what it held: it founds none, not even later on. */
function metCluster({ nodeName, clusterId }: Hello, { boots }: NodeState, { options }: NodeParts): void {
  if (clusterId !== '' && options.founders.some(({ id }) => id === nodeName)) boots?.meetCluster(clusterId);
}
