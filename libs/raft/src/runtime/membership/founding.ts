/** Bootstrap: founders with empty stores agree on one first configuration, with which each of them begins its log. */

import type { Configuration, Member } from '../../core/base/configuration';
import { SeededRandom } from '../../core/base/random';
import { ORIGIN } from '../../core/base/types';
import type { LoadedGroup } from '../../storage/contract';
import type { FounderMessage, Hello } from '../../transport/contract';
import type { PeerLinks } from '../peers/peer-links';
import { standingOf } from '../peers/peer-standing';
import { Persister } from '../store/persister';
import type { FounderOptions, RaftNodeOptions } from '../options/raft-node-options';
import type { TimerHandle } from '../base/scheduler';
import type { StoreOwnershipProof } from '../store/store-ownership-proof';
import { timingOf } from '../options/timing';

const ROUND_MS = 200;

export interface FoundingPorts {
  readonly options: RaftNodeOptions;
  /** Of this node's store. */
  readonly incarnation: string;
  readonly links: PeerLinks;
  readonly proof: StoreOwnershipProof;
  /** Genesis is in this store. */
  founded(group: LoadedGroup): void;
  /** A cluster exists, and this store isn't part of it. */
  excluded(sentence: string): void;
  /** The cluster with which a listed peer has ever answered this store; undefined where none has. */
  metCluster(): string | undefined;
  storageLost(sentence: string): void;
}

interface InitialCluster {
  readonly clusterId: string;
  readonly configuration: Configuration;
}

/**
 * How a cluster begins: once, from the empty stores of all founders. The first-listed one binds each founder's name to the
 * store that it has now, and the others take that over. A store that is empty later on is another store, and its node can't
 * be taken for the founder that it was: with its log it has lost its votes and what it acknowledged.
 */
export class Founding {
  private readonly heard = new Map<string, string>();
  private readonly random: SeededRandom;
  private readonly persister: Persister;
  private readonly startedMs: number;
  private timer: TimerHandle | undefined;
  private initialCluster: LoadedGroup | undefined;
  private closed = false;

  constructor(private readonly ports: FoundingPorts) {
    const { options, incarnation, proof } = ports;
    const { storage, groupId, scheduler, nodeId } = options;
    this.random = new SeededRandom(scheduler.randomSeed());
    this.startedMs = scheduler.nowMs();
    this.heard.set(nodeId, incarnation);
    this.persister = new Persister(
      storage,
      groupId,
      scheduler,
      proof,
      {
        landed: () => this.landed(),
        proved: () => undefined,
        failed: () => options.logger.warn('The store failed while the cluster was founded; it is being recovered.'),
        recovered: () => undefined,
        lost: (sentence) => this.lost(sentence),
      },
      0,
      timingOf(options).storePatienceMs,
    );
  }

  start(): void {
    this.round();
  }

  /** A founder can be reached now: it need not wait for the next round. */
  reached(address: string): void {
    const founder = this.others.find(({ peer }) => peer === address);
    if (founder !== undefined && !this.closed) this.send(founder);
  }

  receive(message: FounderMessage, sender: Hello): void {
    const { options } = this.ports;
    if (this.closed || this.initialCluster !== undefined || message.groupId !== options.groupId) return;
    // What a connection brings is believed of the node and the store that it belongs to, and of no other.
    if (message.founder !== sender.nodeName || message.incarnation !== sender.incarnation) return;
    if (message.initialCluster !== null) {
      const { clusterId, configuration } = message.initialCluster;
      if (standingOf(sender, clusterId, configuration) === 'member')
        this.adopt(message.initialCluster, message.founder);
    } else if (options.founders.some(({ id }) => id === message.founder)) {
      this.heard.set(message.founder, message.incarnation);
      this.writeIfComplete();
    }
  }

  tick(nowMs: number): void {
    this.persister.tick(nowMs);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.stopRounds();
    await this.persister.close();
  }

  /** Who answers, who doesn't, and what is waited for. */
  describe(): string {
    const { options, links } = this.ports;
    const missing = this.others
      .filter(({ id }) => !this.heard.has(id))
      .map(({ id, peer }) => {
        const { state, detail } = links.routes.stateOf(peer);
        return `${id} at ${peer} doesn't answer (${detail === '' ? state : `${state}: ${detail}`})`;
      });
    const there = options.founders.filter(({ id }) => this.heard.has(id)).map(({ id }) => id);
    const met = this.ports.metCluster();
    if (met !== undefined && options.founders[0]?.id === options.nodeId)
      missing.push(
        `the store of '${options.nodeId}' is empty, and a founder has answered it with the cluster ${met}: it founds none, and waits for that one`,
      );
    const first = options.founders[0]?.id;
    const task =
      first === options.nodeId
        ? 'waiting for all founders'
        : `waiting for '${first}', listed first, to found it once it has heard from all`;
    return [`Founding the cluster '${options.clusterName}', ${task}: ${there.join(', ')} there`, ...missing].join('; ');
  }

  private get others(): readonly FounderOptions[] {
    const { founders, nodeId } = this.ports.options;
    return founders.filter(({ id }) => id !== nodeId);
  }

  private readonly round = (): void => {
    if (this.closed || this.initialCluster !== undefined) return;
    for (const founder of this.others) this.send(founder);
    this.timer = this.ports.options.scheduler.setTimer(ROUND_MS + this.random.between(0, ROUND_MS / 4), this.round);
    this.writeIfComplete();
  };

  private send(founder: FounderOptions): void {
    const { options, incarnation, links } = this.ports;
    const { groupId, nodeId } = options;
    links.send(founder.peer, { kind: 'founder', groupId, founder: nodeId, incarnation, initialCluster: null });
  }

  private writeIfComplete(): void {
    const { founders, nodeId, scheduler } = this.ports.options;
    // A store that has met the earlier cluster has lost what it held, and founds no other in its place.
    if (founders[0]?.id !== nodeId || this.ports.metCluster() !== undefined || !this.isComplete()) return;
    const present = founders.filter(({ id }) => this.heard.has(id));
    const members = present.map((founder): Member => ({
      id: founders.indexOf(founder) + 1,
      name: founder.id,
      peer: founder.peer,
      http: founder.http ?? '',
      incarnation: this.heard.get(founder.id)!,
    }));
    const configuration: Configuration = {
      members,
      voters: members.map(({ id }) => id),
      outgoing: [],
      learners: [],
      learnersNext: [],
      added: [],
      autoLeave: false,
      target: null,
      nextReplicaId: founders.length + 1,
    };
    this.write({ clusterId: scheduler.randomId(), configuration }, 1);
  }

  /** All founders, so that none is left out by chance; with `forceBootstrap` a majority, after the others had their time. */
  private isComplete(): boolean {
    const { founders, forceBootstrap, electionTimeoutMs, scheduler, logger, nodeId } = this.ports.options;
    if (founders.every(({ id }) => this.heard.has(id))) return true;
    const waitedMs = scheduler.nowMs() - this.startedMs;
    if (!forceBootstrap || waitedMs < 2 * electionTimeoutMs) return false;
    const there = founders.filter(({ id }) => this.heard.has(id));
    if (there.length <= founders.length / 2) return false;
    const absent = founders.filter(({ id }) => !this.heard.has(id)).map(({ id }) => id);
    logger.warn(`'${nodeId}' founds the cluster without ${absent.join(', ')}, as forceBootstrap says: add them later.`);
    return true;
  }

  private adopt(initialCluster: InitialCluster, from: string): void {
    const { options, incarnation } = this.ports;
    const self = initialCluster.configuration.members.find(
      (member) => member.incarnation === incarnation && member.name === options.nodeId,
    );
    if (self !== undefined) {
      this.write(initialCluster, self.id);
      return;
    }
    this.closed = true;
    this.stopRounds();
    this.ports.excluded(
      `The cluster '${options.clusterName}' exists already (node '${from}' says so), and the store of '${options.nodeId}' ` +
        'is empty: wiped or replaced, kept in memory, or left out at the founding. A node without its data must not vote. ' +
        "Start it with join, or with onEmptyStore: 'rejoin' (RAFT_ON_EMPTY_STORE=rejoin, --on-empty-store rejoin).",
    );
  }

  private write(initialCluster: InitialCluster, replicaId: number): void {
    const configuration = { index: 0, configuration: initialCluster.configuration };
    const identity = { clusterId: initialCluster.clusterId, replicaId };
    const hardState = { term: 0, votedFor: 0 };
    this.stopRounds();
    this.initialCluster = {
      identity,
      hardState,
      commitIndex: 0,
      lastBatch: 1,
      snapshot: ORIGIN,
      lastIndex: 0,
      terms: [],
      configuration,
      configurationEntries: [],
    };
    this.persister.write({ number: 1, hardState, commitIndex: 0, entries: [], configuration }, identity);
  }

  /** Only now may anybody hear of it: a genesis that was told and lost would be written a second time. */
  private landed(): void {
    const { initialCluster } = this;
    if (this.closed || initialCluster === undefined) return;
    this.closed = true;
    void this.persister.close();
    this.ports.founded(initialCluster);
  }

  private lost(sentence: string): void {
    this.closed = true;
    this.ports.storageLost(sentence);
  }

  private stopRounds(): void {
    if (this.timer !== undefined) this.ports.options.scheduler.clearTimer(this.timer);
    this.timer = undefined;
  }
}
