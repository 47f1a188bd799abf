import type { ConfigurationInForce } from '../../core/base/configuration';
import type { ReplicaId } from '../../core/base/types';
import { AdminNotices } from './admin-notices';
import type { BootHistory } from '../store/boot-history';
import { MembershipInquiry } from './membership-inquiry';
import { MembershipLog } from '../events/membership-log';
import { Moves } from '../places/moves';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import { PeerWatch } from './peer-watch';
import { PlaceWitness } from '../places/place-witness';
import type { RaftNodeOptions } from '../options/raft-node-options';
import { Rejoining } from './rejoining';
import type { Replica } from '../replica/replica';
import type { StoreOwnershipProof } from '../store/store-ownership-proof';

export interface MemberCarePorts {
  readonly options: RaftNodeOptions;
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly proof: StoreOwnershipProof;
  replica(): Replica | undefined;
  boots(): BootHistory | undefined;
  /** Of this node's store; empty before it is open. */
  incarnation(): string;
  /** This node's own store must not take part. */
  accused(sentence: string): void;
}

/** What a node does for the membership beside its replica: it looks after those who move, are away, come back or were removed. */
export class MemberCare {
  readonly rejoining: Rejoining;
  readonly notices: AdminNotices;
  private readonly witness: PlaceWitness;
  private readonly moves: Moves;
  private readonly watch: PeerWatch;
  private readonly log: MembershipLog;
  private readonly inquiry: MembershipInquiry;

  constructor(private readonly ports: MemberCarePorts) {
    const { options, ...parts } = ports;
    const { scheduler, logger, nodeId, groupId, electionTimeoutMs, advertise, http, transport } = options;
    const { protection } = transport;
    const shared = { ...parts, scheduler, logger, nodeId, groupId, electionTimeoutMs, advertise, http, protection };
    this.rejoining = new Rejoining(shared);
    this.notices = new AdminNotices(shared);
    this.witness = new PlaceWitness(shared);
    this.moves = new Moves({ ...shared, witness: this.witness });
    this.watch = new PeerWatch(shared);
    this.log = new MembershipLog(logger);
    this.inquiry = new MembershipInquiry(shared);
  }

  serve(): void {
    this.notices.serve();
    this.witness.serve();
  }

  configurationChanged(inForce: ConfigurationInForce, self: ReplicaId): void {
    this.moves.configurationChanged(inForce, self);
    this.rejoining.configurationChanged(inForce.configuration);
    this.log.configurationChanged(inForce);
  }

  tick(nowMs: number): void {
    const replica = this.ports.replica();
    this.inquiry.tick(nowMs, replica);
    this.witness.tick(nowMs);
    this.moves.tick(nowMs);
    this.watch.tick(nowMs, replica);
  }
}
