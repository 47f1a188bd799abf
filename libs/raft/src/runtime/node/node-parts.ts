import type { RaftError } from '../../errors/raft-error';
import { Ticker } from '../base/ticker';
import { EventReporter } from '../events/event-reporter';
import { ClusterAdmin } from '../membership/cluster-admin';
import { MemberCare } from '../membership/member-care';
import type { RaftNodeOptions } from '../options/raft-node-options';
import { timingOf } from '../options/timing';
import { AddressHints } from '../peers/address-hints';
import { PeerLinks } from '../peers/peer-links';
import type { Replica } from '../replica/replica';
import type { RaftStatus } from '../status/status';
import { StoreOwnershipProof } from '../store/store-ownership-proof';
import { TakeoverSilence } from '../store/takeover-silence';
import { CallPaths } from './call-paths';
import { LeaderlessReport } from './leaderless-report';
import type { NodeState } from './node-state';

/** What a node is made of, before it has a replica. */
export interface NodeParts {
  readonly options: RaftNodeOptions;
  readonly bootNonce: string;
  readonly hints: AddressHints;
  readonly links: PeerLinks;
  readonly reporter: EventReporter;
  readonly paths: CallPaths;
  readonly proof: StoreOwnershipProof;
  readonly care: MemberCare;
  readonly admin: ClusterAdmin;
  readonly silence: TakeoverSilence;
  readonly report: LeaderlessReport;
  readonly ticker: Ticker;
}

export interface NodePartsPorts {
  status(): RaftStatus;
  tick(ticks: number, nowMs: number): void;
  /** Another member has shown that this node's store isn't to be trusted. */
  accused(sentence: string): void;
}

/** Wires the parts of a node. Nothing is opened, and nothing is sent. */
export function nodeParts(options: RaftNodeOptions, state: NodeState, ports: NodePartsPorts): NodeParts {
  const { scheduler, transport, nodeId, logger, electionTimeoutMs } = options;
  const { tickMs, proofMs } = timingOf(options);
  const bootNonce = scheduler.randomId();
  const status = (): RaftStatus => ports.status();
  const replica = (): Replica | undefined => state.replica;
  const closed = (): RaftError | undefined => state.closedBecause();
  const { hints, links } = linksOf(options, state);
  const reporter = new EventReporter(options.events, scheduler);
  const paths = new CallPaths({
    options,
    links,
    reporter,
    bootNonce,
    clusterId: () => state.group?.clusterId ?? '',
    answer: (peer, message) => links.answer(peer, message, scheduler.nowMs()),
    replica,
    closed,
    status,
    onStatus: (listener) => state.publisher.subscribe(listener),
  });
  const { calls } = paths;
  const proof = new StoreOwnershipProof(scheduler, proofMs);
  const care = new MemberCare({
    options,
    links,
    calls,
    proof,
    replica,
    boots: () => state.boots,
    incarnation: () => state.store?.incarnation ?? '',
    accused: (sentence) => ports.accused(sentence),
  });
  care.serve();
  const { protection } = transport;
  const { rejoining } = care;
  const admin = new ClusterAdmin({
    rejoining,
    links,
    calls,
    scheduler,
    electionTimeoutMs,
    nodeId,
    protection,
    replica,
    closed,
  });
  admin.serve();
  const silence = new TakeoverSilence(scheduler, logger, 2 * proofMs);
  const report = new LeaderlessReport(scheduler, logger, options.advertise, status);
  const ticker = new Ticker(scheduler, tickMs, (ticks, nowMs) => ports.tick(ticks, nowMs));
  return { options, bootNonce, hints, links, reporter, paths, proof, care, admin, silence, report, ticker };
}

function linksOf(options: RaftNodeOptions, state: NodeState): { hints: AddressHints; links: PeerLinks } {
  const { scheduler, transport, nodeId, advertise, founders } = options;
  const hints = new AddressHints([...founders.map(({ peer }) => peer), ...options.join]);
  const links = new PeerLinks({
    transport,
    nodeId,
    advertise,
    founders,
    hints,
    nowMs: () => scheduler.nowMs(),
    counted: (hello) => state.boots?.remember(hello),
  });
  return { hints, links };
}
