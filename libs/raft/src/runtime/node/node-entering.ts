import type { StoreIdentity } from '../../storage/contract';
import { Founding } from '../membership/founding';
import { Joining } from '../membership/joining';
import type { NodeEnding } from './node-ending';
import type { NodeParts } from './node-parts';
import type { NodeRunning } from './node-running';
import type { NodeState } from './node-state';

/** The ways in which a node with an empty store becomes a member: it founds a cluster with others, joins one, or comes back to its own. */
export class NodeEntering {
  constructor(
    private readonly state: NodeState,
    private readonly parts: NodeParts,
    private readonly running: NodeRunning,
    private readonly ending: NodeEnding,
  ) {}

  found(store: StoreIdentity, appliedIndex: number): void {
    const { state, ending } = this;
    const { options, links, proof } = this.parts;
    const founding = new Founding({
      options,
      incarnation: store.incarnation,
      links,
      proof,
      founded: (group) => this.running.run(store, { group, appliedIndex, snapshot: undefined }, true),
      excluded: (sentence) => {
        if (options.onEmptyStore === 'rejoin') this.rejoin(store, appliedIndex);
        else ending.quarantine(sentence);
      },
      metCluster: () => state.boots?.metCluster,
      storageLost: (sentence) => ending.fail('RAFT_STORAGE', sentence),
    });
    state.founding = founding;
    state.publisher.enter('bootstrapping');
    founding.start();
  }

  join(
    store: StoreIdentity,
    appliedIndex: number,
    through: readonly string[],
    way: 'join' | 'rejoin' | 'repair',
  ): void {
    const { state, ending } = this;
    const { options, links, proof, paths } = this.parts;
    const joining = new Joining({
      options,
      incarnation: store.incarnation,
      links,
      calls: paths.calls,
      proof,
      through,
      rejoins: way !== 'join',
      repairs: way === 'repair',
      refused: (sentence) => ending.quarantine(sentence),
      forbidden: (sentence) => ending.fail('RAFT_FORBIDDEN', sentence),
      joined: (group) => this.running.run(store, { group, appliedIndex, snapshot: undefined }, true),
      storageLost: (sentence) => ending.fail('RAFT_STORAGE', sentence),
    });
    state.founding = joining;
    state.publisher.enter('joining');
    joining.start();
  }

  /** The founder that this node was has lost its store: it asks the others for the place of its old replica. */
  private rejoin(store: StoreIdentity, appliedIndex: number): void {
    const { founders, nodeId, logger } = this.parts.options;
    logger.warn(
      `The store of '${nodeId}' is empty, and its cluster exists: it comes back in place of its old replica, as onEmptyStore says.`,
    );
    void this.state.founding?.close();
    const others = founders.filter(({ id }) => id !== nodeId).map(({ peer }) => peer);
    this.join(store, appliedIndex, others, 'rejoin');
  }
}
