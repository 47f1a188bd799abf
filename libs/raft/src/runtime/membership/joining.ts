import { isRaftError } from '../../errors/raft-error';
import { ORIGIN } from '../../core/base/types';
import type { LoadedGroup } from '../../storage/contract';
import { errorMessage } from '../base/error-message';
import { decodeJoinAnswer, encodeJoin, JOIN, membershipIn } from './join-calls';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import { Persister } from '../store/persister';
import { PEERS_UNPROTECTED } from '../options/peer-security';
import type { RaftNodeOptions } from '../options/raft-node-options';
import { REJOIN_IS_OFF } from './rejoining';
import { Refusals } from '../base/refusals';
import type { TimerHandle } from '../base/scheduler';
import type { StoreOwnershipProof } from '../store/store-ownership-proof';
import { timingOf } from '../options/timing';

const ROUND_MS = 500;

export interface JoiningPorts {
  readonly options: RaftNodeOptions;
  /** Of this node's store. */
  readonly incarnation: string;
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly proof: StoreOwnershipProof;
  /** The members that it asks first. */
  readonly through: readonly string[];
  /** Whether it asks for the place of its old replica. */
  readonly rejoins: boolean;
  /** Whether that was damaged, and its store is a new one. */
  readonly repairs: boolean;
  /** The cluster doesn't let this node in as it is configured. */
  forbidden(sentence: string): void;
  joined(group: LoadedGroup): void;
  /** It won't be accepted, however long it waits. */
  refused(sentence: string): void;
  storageLost(sentence: string): void;
}

/**
 * How a node with an empty store becomes part of a running cluster: it asks any member, the leader adds it as a learner, bound
 * to the store that it has now, and it takes over the configuration that names it. It is promoted once it has caught up.
 */
export class Joining {
  private readonly persister: Persister;
  private timer: TimerHandle | undefined;
  private group: LoadedGroup | undefined;
  private closed = false;
  private asking = false;
  private at = 0;
  private degradation = 'no member has answered yet';
  /** The last refusal that was logged. */
  private lastSent = '';
  private readonly refusals = new Refusals();

  constructor(private readonly ports: JoiningPorts) {
    const { options, proof } = ports;
    const { storage, groupId, scheduler, logger } = options;
    this.persister = new Persister(
      storage,
      groupId,
      scheduler,
      proof,
      {
        landed: () => this.landed(),
        proved: () => undefined,
        failed: () => logger.warn('The store failed while the node joined; it is being recovered.'),
        recovered: () => undefined,
        lost: (sentence) => {
          this.closed = true;
          ports.storageLost(sentence);
        },
      },
      0,
      timingOf(options).storePatienceMs,
    );
  }

  start(): void {
    this.ports.links.connectTo(this.ports.through);
    this.round();
  }

  tick(nowMs: number): void {
    this.persister.tick(nowMs);
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== undefined) this.ports.options.scheduler.clearTimer(this.timer);
    await this.persister.close();
  }

  /** A member that was dialled turned this node away: what the cluster wants is said here, where it can be given. */
  turnedAway(address: string, sentence: string): void {
    if (this.closed || this.group !== undefined) return;
    const isNews = this.refusals.refused(address, sentence, this.ports.options.scheduler.nowMs());
    this.degradation = `${address} turns it away: ${sentence}`;
    if (isNews) this.ports.options.logger.warn(this.describe());
  }

  describe(): string {
    const { options, through, rejoins } = this.ports;
    const what = this.ports.repairs
      ? 'Coming back as its own replacement to'
      : rejoins
        ? 'Coming back with an empty store to'
        : 'Joining';
    return `${what} the cluster '${options.clusterName}' through ${through.join(', ')}: ${this.degradation}`;
  }

  private readonly round = (): void => {
    if (this.closed || this.group !== undefined) return;
    this.timer = this.ports.options.scheduler.setTimer(ROUND_MS, this.round);
    const refusal = this.refusals.byAll(this.ports.through, this.ports.options.scheduler.nowMs());
    // A founder that comes back waits: the others may be on their way to the same credentials.
    if (refusal !== undefined && !this.ports.rejoins && !this.ports.repairs) return this.giveUp(refusal);
    if (this.asking) return;
    this.asking = true;
    this.ask().then(
      () => (this.asking = false),
      (error: unknown) => {
        this.asking = false;
        this.degradation = errorMessage(error);
        this.refused(error);
      },
    );
  };

  private giveUp(why: string): void {
    if (this.closed) return;
    this.closed = true;
    const { options, through } = this.ports;
    this.ports.forbidden(
      `'${options.nodeId}' can't join the cluster '${options.clusterName}' through ${through.join(', ')}: ${why}`,
    );
  }

  /** It is asked again each half second: what is said is said once. */
  private refused(error: unknown): void {
    if (this.closed || !isRaftError(error)) return;
    if (!this.ports.rejoins && error.reason === PEERS_UNPROTECTED) return this.giveUp(error.message);
    if (this.ports.rejoins && REJOIN_IS_OFF.has(error.reason ?? '')) {
      this.closed = true;
      this.ports.refused(error.message);
    } else if (['RAFT_REJECTED', 'RAFT_CONFLICT'].includes(error.code) && kindOf(error.message) !== this.lastSent) {
      this.lastSent = kindOf(error.message);
      this.ports.options.logger.warn(this.describe());
    }
  }

  private async ask(): Promise<void> {
    const { options, calls, links, incarnation, proof, rejoins, repairs } = this.ports;
    if (!proof.isFresh()) {
      // Another process may have opened it, and may have become a member by it, or be one no more.
      this.degradation = "its store doesn't answer";
      return;
    }
    const { nodeId: name, advertise: peer, http, joinAs } = options;
    // Those that it was told, and those that have dialled it since: the one that it was told may be gone.
    const addresses = [...new Set([...this.ports.through, ...links.memberAddresses()])];
    const address = addresses[this.at++ % addresses.length]!;
    links.invite(address, options.scheduler.nowMs());
    const body = encodeJoin({
      name,
      peer,
      http,
      incarnation,
      voter: joinAs === 'voter',
      rejoin: rejoins,
      ...(repairs && { repair: 'join' }),
    });
    const answer = decodeJoinAnswer(await calls.call(address, JOIN, body, options.electionTimeoutMs * 2));
    this.refusals.forget(address);
    const configuration = membershipIn(answer);
    const self = configuration.members.find((member) => member.incarnation === incarnation);
    if (self === undefined) {
      this.degradation = 'the leader is adding it';
      return;
    }
    if (this.closed || this.group !== undefined) return;
    const hardState = { term: 0, votedFor: 0 };
    const inForce = { index: 0, configuration };
    const identity = { clusterId: answer.clusterId, replicaId: self.id };
    this.group = {
      identity,
      hardState,
      commitIndex: 0,
      lastBatch: 1,
      snapshot: ORIGIN,
      lastIndex: 0,
      terms: [],
      configuration: inForce,
      configurationEntries: [],
    };
    this.persister.write({ number: 1, hardState, commitIndex: 0, entries: [], configuration: inForce }, identity);
  }

  private landed(): void {
    const { group } = this;
    if (this.closed || group === undefined) return;
    void this.close();
    this.ports.joined(group);
  }
}

/** What is told again each half second differs by its numbers only. */
function kindOf(sentence: string): string {
  return sentence.replaceAll(/\d+/g, '');
}
